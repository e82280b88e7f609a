/**
 * The live page: takes snapshots from the stream and hands them to the views. Language, theme and
 * view are the viewer's; everything else comes from the engine.
 */
import type { LiveSnapshot, RateHistory } from '../dashboard/api.ts';
import { RateChart, StackedChart } from './charts.ts';
import { byId, setAttribute, setText } from './dom.ts';
import { Format, type Language } from './format.ts';
import { History } from './history.ts';
import {
  isWall,
  readLanguage,
  readTheme,
  saveLanguage,
  saveTheme,
  type Theme,
} from './preferences.ts';
import { Stream } from './stream.ts';
import { EN } from './texts-en.ts';
import { PT, type VerdictText } from './texts-pt.ts';
import { judge, type Level } from './verdict.ts';
import {
  colourOrder,
  showAbout,
  showCategories,
  showCheckpoints,
  showEvents,
  showHero,
  showPartitions,
  showParts,
  showRejected,
  showWindows,
  type Words,
} from './views.ts';

const RATES_KEPT = 300;
/** Seconds between the two lags of which the first tells whether the second is growing. */
const LAG_TREND_S = 30;
const MARKS: Readonly<Record<Level, string>> = { ok: '✓', info: 'i', warn: '!', bad: '✕' };

class Page {
  #words: Words = wordsOf(readLanguage());
  #theme: Theme = readTheme();
  #snapshot: LiveSnapshot | null = null;
  #gone: { readonly sinceMs: number | null } | null = null;
  #announced = '';
  readonly #rates: number[] = [];
  readonly #times: number[] = [];
  readonly #lags: number[] = [];
  readonly #windowChart: StackedChart;
  readonly #rateChart: RateChart;
  readonly #history: History;

  constructor() {
    document.documentElement.classList.toggle('wall', isWall());
    const { format } = this.#words;
    this.#windowChart = new StackedChart(byId('window-chart'), format, (index) =>
      this.#hoverWindow(index),
    );
    this.#rateChart = new RateChart(byId('rate-chart'), format);
    this.#history = new History(this.#words);
    this.#applyTheme();
    this.#applyWords();
    this.#listen();
    new Stream({
      rates: (history) => this.#takeRates(history),
      live: (snapshot) => this.#take(snapshot),
      gone: (sinceMs) => this.#lose(sinceMs),
    }).start();
  }

  #listen(): void {
    onChoice('languages', (value) => {
      this.#words = wordsOf(value as Language);
      saveLanguage(value as Language);
      this.#applyWords();
    });
    onChoice('themes', (value) => {
      this.#theme = value as Theme;
      saveTheme(this.#theme);
      this.#applyTheme();
      this.#redraw();
    });
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#redraw());
  }

  #redraw(): void {
    this.#windowChart.rebuild();
    this.#rateChart.rebuild();
    this.#history.redraw();
  }

  #applyTheme(): void {
    const { dataset } = document.documentElement;
    if (this.#theme === 'auto') delete dataset.theme;
    else dataset.theme = this.#theme;
    markChosen('themes', this.#theme);
  }

  #applyWords(): void {
    const { texts, format } = this.#words;
    const ui = texts.ui as Readonly<Record<string, string>>;
    document.documentElement.lang = format.locale;
    for (const node of document.querySelectorAll<HTMLElement>('[data-text]')) {
      setText(node, ui[node.dataset.text!]);
    }
    for (const node of document.querySelectorAll<HTMLElement>('[data-label]')) {
      setAttribute(node, 'aria-label', ui[node.dataset.label!]);
      if (node.tagName === 'BUTTON') node.title = ui[node.dataset.label!];
    }
    setAttribute(byId('window-chart'), 'aria-label', ui.chartSummary);
    setAttribute(byId('rate-chart'), 'aria-label', ui.rateSummary);
    setAttribute(byId('history-chart'), 'aria-label', ui.historySummary);
    const link = byId<HTMLAnchorElement>('wall-link');
    setText(link, isWall() ? ui.wallExit : ui.wall);
    link.href = isWall() ? '/' : '/?wall';
    markChosen('languages', format.language);
    this.#windowChart.setFormat(format);
    this.#history.setWords(this.#words);
    this.#show();
  }

  #takeRates({ endMs, salesPerSecond }: RateHistory): void {
    this.#rates.splice(0, this.#rates.length, ...salesPerSecond);
    const start = Math.round(endMs / 1000) - salesPerSecond.length;
    this.#times.splice(0, this.#times.length, ...salesPerSecond.map((_, i) => start + i + 1));
  }

  #take(snapshot: LiveSnapshot): void {
    // After an update of the engine this page is the old one.
    if (this.#snapshot && this.#snapshot.version !== snapshot.version) location.reload();
    this.#snapshot = snapshot;
    this.#gone = null;
    this.#rates.push(snapshot.stream.salesPerSecond);
    this.#times.push(Math.max(Math.round(snapshot.nowMs / 1000), (this.#times.at(-1) ?? 0) + 1));
    this.#lags.push(snapshot.stream.lag);
    for (const list of [this.#rates, this.#times, this.#lags]) {
      if (list.length > RATES_KEPT) list.shift();
    }
    this.#show();
    this.#rateChart.setData(this.#times, this.#rates);
    this.#showWindowChart(snapshot);
    this.#history.live(snapshot);
  }

  #lose(sinceMs: number | null): void {
    this.#gone = { sinceMs };
    this.#showBanner();
  }

  #show(): void {
    this.#showBanner();
    const snapshot = this.#snapshot;
    if (!snapshot) return;
    const words = this.#words;
    showHero(snapshot, words);
    if (snapshot.revenue) showCategories(snapshot.revenue, words);
    showWindows(snapshot, words);
    showPartitions(snapshot, words);
    showCheckpoints(snapshot, words);
    showRejected(snapshot, words);
    showParts(snapshot, words);
    showEvents(snapshot, words);
    showAbout(snapshot, words);
    const total = snapshot.revenue ? `${words.format.money(snapshot.revenue.centavos)} · ` : '';
    document.title = `${total}Vendaval`;
  }

  #showBanner(): void {
    const { texts, format } = this.#words;
    const isGone = this.#gone !== null;
    document.documentElement.classList.toggle('stale', isGone);
    let level: Level = 'info';
    let text: VerdictText = { title: texts.ui.loading, advice: '' };
    let kind = 'loading';
    if (this.#gone) {
      level = 'bad';
      kind = 'gone';
      text = texts.gone(this.#gone.sinceMs, format);
    } else if (this.#snapshot) {
      const verdict = judge(this.#snapshot, this.#lags.at(-1 - LAG_TREND_S));
      level = verdict.level;
      kind = verdict.kind;
      text = texts.verdict(verdict, format);
    }
    setAttribute(byId('banner'), 'data-level', level);
    setAttribute(byId('banner'), 'data-kind', kind);
    setText(byId('banner-mark'), MARKS[level]);
    setText(byId('banner-title'), text.title);
    setText(byId('banner-advice'), text.advice);
    // Told to screen readers once for each change of kind, not once a second.
    const announcement = `${format.language}/${kind}`;
    if (kind !== 'loading' && announcement !== this.#announced) {
      this.#announced = announcement;
      setText(byId('announcer'), `${texts.levels[level]}: ${text.title}. ${text.advice}`);
    }
  }

  #showWindowChart({ revenue, engine, watermark }: LiveSnapshot): void {
    if (!revenue) return;
    const windows = revenue.windows.toReversed();
    const order = colourOrder(revenue);
    const columns = order.map((name) => revenue.categories.findIndex((c) => c.categoria === name));
    const hasOthers = revenue.others.categories > 0;
    const stepMs = engine.windowMs;
    this.#windowChart.setData({
      startsS: windows.map(({ startMs }) => startMs / 1000),
      stepS: stepMs / 1000,
      names: hasOthers ? [...order, this.#words.texts.ui.others] : order,
      centavos: [...columns, ...(hasOthers ? [revenue.categories.length] : [])].map((column) =>
        windows.map(({ byCategory }) => byCategory[column]),
      ),
      markS: watermark.atMs === null ? null : (Math.floor(watermark.atMs / stepMs) * stepMs) / 1000,
    });
  }

  #hoverWindow(index: number | null): void {
    const box = byId('window-hover');
    const revenue = this.#snapshot?.revenue;
    const engine = this.#snapshot?.engine;
    if (index === null || !revenue || !engine) return setText(box, '');
    const one = revenue.windows[revenue.windows.length - 1 - index];
    if (!one) return;
    const { format } = this.#words;
    const parts = colourOrder(revenue).map((name) => {
      const column = revenue.categories.findIndex(({ categoria }) => categoria === name);
      return `${name} ${format.money(one.byCategory[column])}`;
    });
    const time = format.windowTime(one.startMs, engine.windowMs);
    setText(box, `${time}: ${format.money(one.centavos)} — ${parts.join(' · ')}`);
  }
}

function wordsOf(language: Language): Words {
  return { texts: language === 'pt' ? PT : EN, format: new Format(language) };
}

function onChoice(id: string, chosen: (value: string) => void): void {
  byId(id).addEventListener('click', (event) => {
    const button = (event.target as Element).closest('button');
    if (button) chosen(button.value);
  });
}

function markChosen(id: string, value: string): void {
  for (const button of byId(id).querySelectorAll('button')) {
    button.setAttribute('aria-pressed', String(button.value === value));
  }
}

new Page();
