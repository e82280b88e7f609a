/** Each part of the page, from a snapshot to what is written in it. No state but what is shown. */
import type { LiveSnapshot, PartitionView, RejectedView, RevenueView } from '../dashboard/api.ts';
import { seriesVariable } from './charts.ts';
import { byId, keyed, make, setAttribute, setCells, setText } from './dom.ts';
import { type Format, meanCentavos, toReais, UNKNOWN } from './format.ts';
import type { Texts } from './texts-pt.ts';
import { holdsBackMs } from './verdict.ts';

export interface Words {
  readonly texts: Texts;
  readonly format: Format;
}

const WINDOWS_SHOWN = 12;
/** Columns of the windows' table; the rest is summed in one more. */
const CATEGORY_COLUMNS = 6;

/** A category keeps its colour while the set of them stays: by name, not by rank. */
export function colourOrder(revenue: RevenueView): string[] {
  return revenue.categories.map(({ categoria }) => categoria).toSorted((a, b) => (a < b ? -1 : 1));
}

export function showHero(
  { revenue, stream, engine }: LiveSnapshot,
  { format, texts }: Words,
): void {
  setText(byId('topic'), `${engine.topic} → ${engine.database}.${engine.collection}`);
  setText(byId('rate'), format.rate(stream.salesPerSecond));
  const { latency, lag, lagMs } = stream;
  const text =
    latency && `${format.duration(latency.p50Ms)} (p99 ${format.duration(latency.p99Ms)})`;
  setText(byId('latency'), text ?? UNKNOWN);
  const lagTime = lagMs !== null && lagMs > 0 && lag > 0 ? ` · ${format.duration(lagMs)}` : '';
  setText(byId('lag'), `${format.count(lag)}${lagTime}`);
  if (!revenue) return;
  const total = format.money(revenue.centavos);
  setText(byId('total'), total);
  byId('total').style.setProperty('--digits', String(Math.max(10, total.length)));
  setText(byId('sales'), format.count(revenue.sales));
  setText(byId('ticket'), format.money(meanCentavos(revenue.centavos, revenue.sales)));
  const newest = revenue.windows[0];
  setText(byId('this-window'), newest ? format.money(newest.centavos) : UNKNOWN);
  const first = revenue.firstWindowMs;
  setText(byId('since'), first === null ? texts.ui.never : format.dateTime(first));
}

export function showCategories(revenue: RevenueView, { format, texts }: Words): void {
  const order = colourOrder(revenue);
  const whole = toReais(revenue.centavos) || 1;
  const rows = revenue.categories.map((one) => ({
    ...one,
    name: one.categoria,
    colour: seriesVariable(order.indexOf(one.categoria)),
  }));
  const { others } = revenue;
  if (others.categories > 0) {
    const name = texts.othersOf(others.categories);
    rows.push({ ...others, categoria: '', name, colour: '--series-7' });
  }
  keyed(
    byId('categories'),
    rows.map(({ categoria }) => `c:${categoria}`),
    categoryRow,
    (row, index) => {
      const { name, centavos, sales, colour } = rows[index];
      const share = toReais(centavos) / whole;
      const label = row.querySelector<HTMLElement>('.category-name')!;
      setText(label, name);
      label.title = name;
      setText(row.cells[1], format.money(centavos));
      setText(row.cells[2], format.count(sales));
      setText(row.cells[3], format.percent(share));
      row.style.setProperty('--series', `var(${colour})`);
      row.style.setProperty('--share', String(share));
    },
  );
}

function categoryRow(): HTMLTableRowElement {
  const row = make('tr');
  const head = make('th');
  head.setAttribute('scope', 'row');
  head.append(make('span', 'swatch'), make('span', 'category-name'));
  row.append(head, make('td', 'number'), make('td', 'number'), make('td', 'number'));
  return row;
}

export function showWindows({ engine, revenue }: LiveSnapshot, { format, texts }: Words): void {
  if (!revenue) return;
  const order = colourOrder(revenue);
  const shown = order.slice(0, CATEGORY_COLUMNS);
  const hasOthers = order.length > shown.length || revenue.others.categories > 0;
  const { ui } = texts;
  const heads = [
    ui.window,
    ui.state,
    ui.sum,
    ui.sales,
    ...shown,
    ...(hasOthers ? [ui.others] : []),
  ];
  const head = byId<HTMLTableRowElement>('windows-head');
  keyed(
    head,
    heads.map((_, index) => String(index)),
    () => make('th'),
    (cell, index) => {
      cell.scope = 'col';
      cell.className = index > 1 ? 'number' : '';
      setText(cell, heads[index]);
    },
  );
  const columns = shown.map((name) => revenue.categories.findIndex((c) => c.categoria === name));
  const windows = revenue.windows.slice(0, WINDOWS_SHOWN);
  keyed(
    byId('windows'),
    windows.map(({ startMs }) => String(startMs)),
    () => make('tr'),
    (row, index) => {
      const { startMs, closed, corrected, centavos, sales, byCategory } = windows[index];
      const end = format.windowTime(startMs + engine.windowMs, engine.windowMs);
      const others = byCategory.reduce<bigint>(
        (sum, value, i) => (columns.includes(i) ? sum : sum + BigInt(value)),
        0n,
      );
      setCells(row, [
        `${format.windowTime(startMs, engine.windowMs)} – ${end}`,
        closed ? (corrected ? `${ui.closed}, ${ui.corrected}` : ui.closed) : ui.open,
        format.money(centavos),
        format.count(sales),
        ...columns.map((i) => format.money(byCategory[i])),
        ...(hasOthers ? [format.money(others)] : []),
      ]);
      setAttribute(row, 'data-state', closed ? (corrected ? 'corrected' : 'closed') : 'open');
      [...row.cells].forEach((cell, i) => {
        cell.className = i > 1 ? 'number' : i === 1 ? 'state' : '';
      });
    },
  );
}

export function showPartitions(snapshot: LiveSnapshot, { format, texts }: Words): void {
  const { watermark, partitions, engine } = snapshot;
  setText(byId('watermark'), texts.watermarkAt(watermark.atMs, watermark.delayMs, format));
  setText(byId('hold'), holdText(snapshot, { format, texts }));
  const holder = watermark.hold?.partition ?? null;
  keyed(
    byId('partitions'),
    partitions.map(({ partition }) => String(partition)),
    () => make('tr'),
    (row, index) => {
      const one = partitions[index];
      const isHolder = one.partition === holder && partitions.length > 1;
      setCells(row, [
        isHolder ? `${one.partition} · ${texts.ui.holds}` : String(one.partition),
        one.openTransactionAt === null
          ? texts.states[one.state]
          : texts.openTransaction(format.count(one.openTransactionAt)),
        one.lag === null ? UNKNOWN : format.rate(one.recordsPerSecond),
        one.lag === null ? UNKNOWN : format.count(one.lag),
        one.lagMs === null ? UNKNOWN : one.lagMs === 0 ? '0 s' : format.duration(one.lagMs),
        one.newestSaleMs === null ? UNKNOWN : format.time(one.newestSaleMs),
        watermarkCell(one, snapshot.nowMs, format),
        one.leader ?? UNKNOWN,
        ownerText(one, engine.owner),
      ]);
      setAttribute(row, 'data-holder', isHolder ? 'true' : null);
      setAttribute(row, 'data-state', one.state);
      [...row.cells].forEach((cell, i) => {
        cell.className = i > 1 && i < 7 ? 'number' : i === 1 ? 'state' : '';
      });
    },
  );
}

const watermarkCell = (one: PartitionView, nowMs: number, format: Format) =>
  one.watermarkMs === null
    ? UNKNOWN
    : `${format.time(one.watermarkMs)} (−${format.duration(Math.max(0, nowMs - one.watermarkMs))})`;

const ownerText = (one: PartitionView, own: string) =>
  one.state === 'elsewhere' ? (one.owner ?? UNKNOWN) : own;

function holdText(
  { watermark, partitions, engine }: LiveSnapshot,
  { texts, format }: Words,
): string {
  const { hold } = watermark;
  if (!hold) return '';
  const holder = partitions.find(({ partition }) => partition === hold.partition);
  const facts = {
    newestSaleMs: holder?.newestSaleMs ?? null,
    lag: holder?.lag ?? null,
    atEnd: holder?.atEnd ?? false,
    delayMs: engine.watermarkDelayMs,
    holdsBackMs: hold.partition === null ? 0 : holdsBackMs(partitions, hold.partition),
  };
  return texts.hold(hold.kind, hold.partition, facts, format);
}

export function showCheckpoints(snapshot: LiveSnapshot, { format, texts }: Words): void {
  const { checkpoint, nowMs, engine } = snapshot;
  const { ui } = texts;
  const age =
    checkpoint.durableAtMs === null
      ? ui.never
      : texts.ago(Math.max(0, nowMs - checkpoint.durableAtMs), format);
  showFacts('checkpoint-facts', [
    [ui.checkpointLast, format.duration(checkpoint.lastMs)],
    [
      ui.checkpointWorst,
      checkpoint.worstMs === null ? UNKNOWN : format.duration(checkpoint.worstMs),
    ],
    [ui.checkpointAge, age],
    [ui.checkpointCount, format.count(checkpoint.count)],
    [ui.checkpointInterval, format.duration(engine.flushIntervalMs)],
  ]);
  const keys = checkpoint.steps.map(({ step }) => step);
  keyed(
    byId('steps-bar'),
    keys,
    () => make('span'),
    (part, index) => {
      part.style.setProperty('flex-grow', String(Math.max(0.01, checkpoint.steps[index].ms)));
      part.style.setProperty('--series', `var(${seriesVariable(index)})`);
    },
  );
  keyed(
    byId('steps'),
    keys,
    () => {
      const row = make('tr');
      const head = make('th');
      head.setAttribute('scope', 'row');
      head.append(make('span', 'swatch'), make('span', 'step-name'));
      row.append(head, make('td', 'number'));
      return row;
    },
    (row, index) => {
      const { step, ms } = checkpoint.steps[index];
      setText(row.querySelector('.step-name')!, texts.steps[step] ?? step);
      setText(
        row.cells[1],
        ms < 10
          ? `${ms.toFixed(1).replace('.', format.language === 'pt' ? ',' : '.')} ms`
          : format.duration(ms),
      );
      row.style.setProperty('--series', `var(${seriesVariable(index)})`);
    },
  );
}

export function showRejected(
  { rejected, stream, engine }: LiveSnapshot,
  { format, texts }: Words,
): void {
  const { ui } = texts;
  const summary =
    stream.rejected === 0
      ? ui.rejectedNone
      : `${ui.rejectedTotal}: ${format.count(stream.rejected)}. ${ui.rejectedTopic} ${engine.deadLetterTopic}.`;
  // Where late sales are counted, it is said how many, also of none.
  const late =
    engine.late === 'count' ? ` ${ui.lateCounted}: ${format.count(stream.lateCounted)}.` : '';
  setText(byId('rejected-summary'), summary + late);
  keyed(
    byId('rejected'),
    rejected.map(({ reason }) => reason),
    () => {
      const details = make('details', 'reason');
      const title = make('summary');
      title.append(make('span', 'reason-name'), make('span', 'reason-count number'));
      details.append(title, make('ul', 'samples'));
      return details;
    },
    (details, index) => showReason(details, rejected[index], { format, texts }),
  );
}

function showReason(
  details: HTMLDetailsElement,
  view: RejectedView,
  { format, texts }: Words,
): void {
  const { reason, count, samples } = view;
  setText(details.querySelector('.reason-name')!, texts.reasons[reason] ?? reason);
  setText(details.querySelector('.reason-count')!, format.count(count));
  keyed(
    details.querySelector<HTMLElement>('.samples')!,
    samples.map(({ partition, offset }) => `${partition}/${offset}`),
    () => {
      const item = make('li');
      item.append(make('p', 'sample-place'), make('code', 'sample-value'));
      return item;
    },
    (item, index) => {
      const { partition, offset, timestampMs, detail, value } = samples[index];
      const at = timestampMs === null ? '' : ` · ${format.dateTime(timestampMs)}`;
      const place = `${texts.ui.partition} ${partition}, ${texts.ui.offset} ${offset}${at}${detail ? ` · ${detail}` : ''}`;
      setText(item.querySelector('.sample-place')!, place);
      setText(item.querySelector('.sample-value')!, value ?? texts.ui.noValue);
    },
  );
}

export function showParts(
  { kafka, database, engine, nowMs }: LiveSnapshot,
  { format, texts }: Words,
): void {
  const { ui } = texts;
  const since = (ms: number | null) =>
    ms === null ? ui.never : texts.ago(Math.max(0, nowMs - ms), format);
  setAttribute(byId('kafka-dot'), 'data-level', kafka.problem ? 'bad' : 'ok');
  showFacts('kafka-facts', [
    [ui.brokers, kafka.brokers.map(({ id, host, port }) => `${id}: ${host}:${port}`).join(', ')],
    [ui.topic, engine.topic],
    [ui.group, engine.group],
    [ui.answered, kafka.problem ? kafka.problem.message : since(kafka.answeredAtMs)],
  ]);
  setAttribute(byId('database-dot'), 'data-level', database.problem ? 'bad' : 'ok');
  showFacts('database-facts', [
    [ui.hosts, database.hosts],
    [ui.collection, `${engine.database}.${engine.collection}`],
    [
      ui.answersIn,
      database.problem
        ? database.problem.message
        : database.readMs === null
          ? UNKNOWN
          : format.duration(database.readMs),
    ],
  ]);
}

function showFacts(id: string, facts: readonly (readonly [string, string])[]): void {
  keyed(
    byId(id),
    facts.map((_, index) => String(index)),
    () => {
      const group = make('div');
      group.append(make('dt'), make('dd'));
      return group;
    },
    (group, index) => {
      setText(group.children[0], facts[index][0]);
      setText(group.children[1], facts[index][1]);
    },
  );
}

export function showEvents({ events }: LiveSnapshot, { format }: Words): void {
  byId('events-none').hidden = events.length > 0;
  keyed(
    byId('events'),
    events.map(({ atMs, code, message }) => `${atMs}|${code}|${message}`),
    () => {
      const item = make('li');
      item.append(make('time'), make('code'), make('span'));
      return item;
    },
    (item, index) => {
      const { atMs, level, code, message } = events[index];
      setAttribute(item, 'data-level', level);
      setAttribute(item.children[0], 'datetime', new Date(atMs).toISOString());
      setText(item.children[0], format.time(atMs));
      setText(item.children[1], code);
      setText(item.children[2], message);
    },
  );
}

export function showAbout(
  { engine, version, nowMs, viewers }: LiveSnapshot,
  { format, texts }: Words,
): void {
  const { ui } = texts;
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  setText(
    byId('about'),
    `Vendaval ${version} · ${ui.engine} ${engine.owner}, ${ui.started} ` +
      `${format.duration(nowMs - engine.startedAtMs)}, ${ui.memory} ${format.bytes(engine.memoryBytes)} · ` +
      `${format.count(viewers)} ${ui.viewers} · ${ui.zone} ${zone}`,
  );
}
