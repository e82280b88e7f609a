/** The collection for any range: a form, a chart, a sum, and the same range as CSV. */
import type { BucketsAnswer, ErrorAnswer, LiveSnapshot } from '../dashboard/api.ts';
import { StackedChart } from './charts.ts';
import { byId, keyed, make, setText } from './dom.ts';
import { meanCentavos } from './format.ts';
import { stackBuckets, stepFor } from './history-data.ts';
import type { Words } from './views.ts';

const DAY_MS = 86_400_000;

export class History {
  #words: Words;
  readonly #chart: StackedChart;
  readonly #from = byId<HTMLInputElement>('history-from');
  readonly #to = byId<HTMLInputElement>('history-to');
  readonly #category = byId<HTMLSelectElement>('history-category');
  readonly #result = byId('history-result');
  #live: LiveSnapshot | null = null;
  #answer: BucketsAnswer | null = null;
  #asked: AbortController | null = null;

  constructor(words: Words) {
    this.#words = words;
    this.#chart = new StackedChart(byId('history-chart'), words.format, (index) =>
      this.#hover(index),
    );
    byId<HTMLFormElement>('history-form').addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#ask();
    });
    byId('history-presets').addEventListener('click', (event) => {
      const button = (event.target as Element).closest('button');
      if (button) this.#preset(button.value);
    });
  }

  setWords(words: Words): void {
    this.#words = words;
    this.#showCategories();
    this.#chart.setFormat(words.format);
    if (this.#answer) this.#show(this.#answer);
  }

  redraw(): void {
    this.#chart.rebuild();
  }

  /** The first snapshot with windows in it fills the form; later ones only the categories. */
  live(snapshot: LiveSnapshot): void {
    const isFirst = !this.#live?.revenue?.windows.length;
    this.#live = snapshot;
    if (!snapshot.revenue?.windows.length) return;
    this.#showCategories();
    if (isFirst) this.#preset(String(DAY_MS));
  }

  /** Ranges end with the newest window: the sales may be of another day. */
  #preset(value: string): void {
    const { revenue, engine } = this.#live ?? {};
    if (!revenue || !engine) return;
    const toMs = revenue.windows[0].startMs + engine.windowMs;
    const first = revenue.firstWindowMs ?? toMs - DAY_MS;
    const fromMs = value === 'all' ? first : Math.max(first, toMs - Number(value));
    this.#from.value = localText(fromMs);
    this.#to.value = localText(toMs);
    for (const button of byId('history-presets').querySelectorAll('button')) {
      button.setAttribute('aria-pressed', String(button.value === value));
    }
    void this.#ask();
  }

  #showCategories(): void {
    const names = this.#live?.revenue?.categories.map(({ categoria }) => categoria) ?? [];
    const options = ['', ...names.toSorted((a, b) => a.localeCompare(b))];
    keyed(
      this.#category,
      options,
      () => make('option'),
      (option, index) => {
        option.value = options[index];
        setText(option, options[index] || this.#words.texts.ui.all);
      },
    );
  }

  async #ask(): Promise<void> {
    const { ui } = this.#words.texts;
    const fromMs = new Date(this.#from.value).getTime();
    const toMs = new Date(this.#to.value).getTime();
    if (!(fromMs < toMs)) return this.#say(ui.historyBadRange);
    this.#asked?.abort();
    const asked = new AbortController();
    this.#asked = asked;
    const stepMs = stepFor(fromMs, toMs, this.#live?.engine.windowMs ?? 60_000);
    const range = rangeQuery(fromMs, toMs, this.#category.value);
    this.#say(ui.loading);
    try {
      const response = await fetch(`/api/windows?${range}&step=${stepMs}ms`, {
        signal: asked.signal,
      });
      const answer: BucketsAnswer | ErrorAnswer = await response.json();
      if ('error' in answer) throw new Error(`${answer.error.message}. ${answer.error.hint}`);
      this.#answer = answer;
      byId<HTMLAnchorElement>('history-csv').href = `/api/windows?${range}&format=csv`;
      byId<HTMLAnchorElement>('history-csv-comma').href =
        `/api/windows?${range}&format=csv&sep=%2C`;
      this.#show(answer);
    } catch (error) {
      if (asked.signal.aborted) return;
      this.#say(`${ui.historyFailed}: ${(error as Error).message}`);
    }
  }

  #show(answer: BucketsAnswer): void {
    const { texts, format } = this.#words;
    const { startsMs, names, centavos, total, sales } = stackBuckets(answer);
    byId('history-chart').hidden = startsMs.length === 0;
    if (startsMs.length === 0) return this.#say(texts.ui.historyEmpty);
    const [from, to] = [answer.from, answer.to].map((text) => format.dateTime(Date.parse(text)));
    const mean = format.money(meanCentavos(total, sales));
    this.#say(
      `${texts.historySum(from, to, format.money(total), format.count(sales), mean)} ` +
        `${texts.ui.bars} ${format.duration(answer.stepMs)}.`,
    );
    this.#chart.setData({
      startsS: startsMs.map((ms) => ms / 1000),
      stepS: answer.stepMs / 1000,
      names: names.map((name) => name ?? texts.ui.others),
      centavos,
      markS: null,
    });
  }

  #hover(index: number | null): void {
    const box = byId('history-hover');
    if (index === null || !this.#answer) return setText(box, '');
    const { format, texts } = this.#words;
    const { startsMs, names, centavos } = stackBuckets(this.#answer);
    const parts = names.map(
      (name, i) => `${name ?? texts.ui.others} ${format.money(centavos[i][index])}`,
    );
    setText(box, `${format.dateTime(startsMs[index])}: ${parts.join(' · ')}`);
  }

  #say(text: string): void {
    setText(this.#result, text);
  }
}

function rangeQuery(fromMs: number, toMs: number, categoria: string): string {
  const query = new URLSearchParams({ from: String(fromMs), to: String(toMs) });
  if (categoria) query.set('categoria', categoria);
  return query.toString();
}

/** What a datetime-local field holds: local time without a zone. */
function localText(ms: number): string {
  const date = new Date(ms);
  return new Date(ms - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}
