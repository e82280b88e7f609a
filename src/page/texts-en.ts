/** The page in English. */
import type { Format } from './format.ts';
import { HOLDS_BACK_MS_MIN, type HoldFacts, type Texts, type VerdictText } from './texts-pt.ts';
import type { Verdict } from './verdict.ts';

export const EN: Texts = {
  ui: {
    title: 'Vendaval: revenue in real time',
    skip: 'Skip to content',
    tagline: 'Exact sales totals, in real time',
    language: 'Language',
    theme: 'Theme',
    themeAuto: 'as the system',
    themeLight: 'light',
    themeDark: 'dark',
    wall: 'Wall view',
    wallExit: 'Leave wall view',
    noScript: 'This page needs JavaScript.',
    total: 'Total revenue',
    sales: 'Sales',
    ticket: 'Average sale',
    since: 'Since',
    thisWindow: 'Current window',
    rate: 'Sales per second',
    latency: 'From Kafka to durable',
    lag: 'Waiting',
    byWindow: 'Revenue by window',
    byWindowHelp: 'Each bar is a window. Right of the dashed line, windows are still open.',
    watermarkLine: 'watermark',
    byCategory: 'By category',
    category: 'Category',
    revenue: 'Revenue',
    share: 'Share',
    others: 'Others',
    windows: 'Windows',
    windowsHelp: 'A window closes when the watermark passes its end.',
    window: 'Window',
    state: 'State',
    open: 'open',
    closed: 'closed',
    corrected: 'corrected',
    sum: 'Total',
    partitions: 'Partitions and watermark',
    partition: 'Partition',
    perSecond: 'Records/s',
    lagMessages: 'Waiting',
    lagTime: 'Lag',
    newestSale: 'Newest sale',
    watermark: 'Watermark',
    leader: 'Leader',
    process: 'Process',
    holds: 'holds it',
    checkpoints: 'Checkpoints',
    checkpointLast: 'Last',
    checkpointWorst: 'Worst of the last minute',
    checkpointAge: 'Durable',
    checkpointCount: 'Since the start',
    checkpointInterval: 'Interval',
    step: 'Step',
    stepTime: 'Time',
    rejected: 'Rejected',
    rejectedNone: 'No sale was rejected.',
    rejectedTotal: 'Rejected in all',
    rejectedTopic: 'The originals are in the topic',
    lateCounted: 'Late, and counted all the same as corrections',
    reason: 'Reason',
    count: 'Count',
    samples: 'Samples',
    offset: 'offset',
    noValue: 'no value',
    kafka: 'Kafka',
    database: 'MongoDB',
    brokers: 'Brokers',
    topic: 'Topic',
    group: 'Group',
    answered: 'Answered',
    answersIn: 'Answers in',
    hosts: 'Server',
    collection: 'Collection',
    never: 'not yet',
    history: 'History',
    historyHelp: 'Straight from the collection, for any range.',
    from: 'From',
    to: 'To',
    all: 'All',
    show: 'Show',
    lastHour: 'Last hour',
    lastDay: '24 hours',
    lastWeek: '7 days',
    everything: 'Everything',
    csvSemicolon: 'CSV for Brazilian spreadsheets (;)',
    csvComma: 'CSV (,)',
    historyEmpty: 'No sales in this range.',
    historyFailed: 'The range could not be read',
    historyBadRange: 'Choose a start before the end.',
    bars: 'Each bar:',
    events: "Engine's notices",
    eventsNone: 'Nothing to tell.',
    engine: 'Engine',
    started: 'up for',
    memory: 'memory',
    viewers: 'watching now',
    zone: 'Times in',
    api: 'API',
    metrics: 'Metrics',
    loading: 'Loading…',
    chartSummary:
      'Chart: revenue of the newest windows by category. The figures are in the table of windows.',
    rateSummary: 'Chart: sales per second over the last minutes.',
    historySummary: 'Chart: revenue of the chosen range by category.',
  },
  levels: { ok: 'All is well', info: 'Note', warn: 'Attention', bad: 'Problem' },
  openTransaction: (offset: string) => `behind a transaction open at ${offset}`,
  states: {
    recovering: 'resuming',
    connecting: 'connecting',
    fetching: 'reading',
    full: 'waits for a checkpoint',
    'backing-off': 'no connection',
    stopped: 'stopped',
    elsewhere: 'in another process',
  },
  steps: {
    freeze: 'freeze',
    drain: 'drain',
    letters: 'dead letters',
    totals: 'totals',
    progress: 'progress',
    close: 'close windows',
    commit: 'commit offsets',
  },
  reasons: {
    not_json: 'not JSON',
    missing_field: 'a field is missing',
    wrong_type: 'a field of another type',
    valor_out_of_range: 'value out of range',
    valor_decimals: 'more than two decimals',
    bad_timestamp: 'no such date',
    future_timestamp: 'a date in the future',
    category_empty: 'empty category',
    category_too_long: 'category too long',
    category_malformed: 'malformed category',
    category_limit: 'too many categories',
    malformed_flatbuffer: 'malformed FlatBuffer',
    batch_empty: 'a batch without sales',
    batch_too_large: 'a batch with too many sales',
    corrupt_batch: 'batch that cannot be read',
    value_too_large: 'a value over 1 MiB',
    late: 'late',
  },
  gone: (sinceMs: number | null, f: Format): VerdictText => ({
    title: 'The engine does not answer',
    advice:
      (sinceMs === null
        ? ''
        : `No news since ${f.time(sinceMs)}; the figures below are of then. `) +
      'What was counted is durable. This page comes back by itself when the engine does. ' +
      'To start it: node dist/main.js',
  }),
  verdict: (verdict: Verdict, f: Format): VerdictText => {
    switch (verdict.kind) {
      case 'counting':
        return {
          title: 'All is well',
          advice:
            verdict.durableAgoMs === null
              ? 'Reading and counting.'
              : `Counted and durable as of ${f.duration(verdict.durableAgoMs)} ago.`,
        };
      case 'no-sales':
        return {
          title: 'Waiting for the first sale',
          advice:
            'All is ready, but the topic is empty. For made-up sales: node dist/main.js produce',
        };
      case 'starting':
        return { title: 'Starting', advice: 'Joining the group and going on from where it was.' };
      case 'stopping':
        return {
          title: 'Stopping',
          advice: 'Making the rest durable before it ends. Nothing is lost.',
        };
      case 'catching-up':
        return {
          title: 'Catching up',
          advice:
            `${f.count(verdict.lag)} records are waiting` +
            (verdict.etaMs === null ? '.' : `; at this rate, ${f.duration(verdict.etaMs)} to go.`),
        };
      case 'falling-behind':
        return {
          title: 'The lag is growing',
          advice:
            `${f.count(verdict.lag)} records are waiting, and more arrive than are read. ` +
            'See the time of checkpoints below; another engine in the same group shares the partitions.',
        };
      case 'rejecting':
        return {
          title: `${f.percent(verdict.share)} of the sales are being rejected`,
          advice:
            `${f.count(verdict.count)} in the last minute` +
            (verdict.reason === null
              ? ''
              : `; the most common reason so far: ${EN.reasons[verdict.reason] ?? verdict.reason}`) +
            '. See the samples under “Rejected” and mend the producer. The originals are kept.',
        };
      case 'held':
        return {
          title: `Partition ${verdict.partition} holds the windows`,
          advice:
            `Without it, the watermark would be ${f.duration(verdict.behindMs)} further. ` +
            'Totals are right; windows only close later. Look at its producer or its leader.',
        };
      case 'transaction':
        return {
          title: `An open transaction holds partition ${verdict.partition}`,
          advice:
            `For ${f.duration(verdict.forMs)} a producer has neither committed nor aborted; what comes after must not be read. ` +
            'End the producer, or abort the transaction: kafka-transactions.sh find-hanging',
        };
      case 'unread':
        return {
          title: `Nobody reads partition ${verdict.partition}`,
          advice:
            'No window closes until somebody does. An engine of the group is missing or stopped.',
        };
      case 'database-unread':
        return {
          title: "The collection can't be read now",
          advice: `${verdict.message}. ${EN.advice[verdict.code] ?? verdict.hint ?? ''}`,
        };
      case 'kafka':
        return {
          title: `No contact with Kafka: partition ${verdict.partitions.join(', ')}`,
          advice: `${verdict.message ? `${verdict.message}. ` : ''}The engine keeps trying; nothing is lost. See whether the broker is up.`,
        };
      case 'stalled':
        return {
          title: `A checkpoint has been under way for ${f.duration(verdict.forMs)}`,
          advice:
            'The database or the dead-letter topic takes long or hangs. Nothing is lost: what was read is counted once it holds. See the steps under “Checkpoints”.',
        };
      case 'not-durable':
        return {
          title:
            verdict.forMs === null
              ? 'Nothing is becoming durable'
              : `Nothing durable for ${f.duration(verdict.forMs)}`,
          advice: `${verdict.message}. ${EN.advice[verdict.code] ?? verdict.hint ?? ''} Nothing is lost: the engine tries until it succeeds.`,
        };
    }
  },
  advice: {},
  hold: (kind, partition, facts: HoldFacts, f: Format): string => {
    switch (kind) {
      case 'no-document':
        return `Waits for partition ${partition}, which nobody has started to read.`;
      case 'unread-backlog':
        return `Waits for partition ${partition}: it has unread records and no valid sale yet.`;
      case 'no-events':
        return 'Waits for the first sale.';
      case 'slowest': {
        const newest = facts.newestSaleMs === null ? '' : f.time(facts.newestSaleMs);
        const delay = f.duration(facts.delayMs);
        if (facts.lag !== null && facts.lag > 0 && facts.holdsBackMs >= HOLDS_BACK_MS_MIN) {
          return `Partition ${partition} holds it: ${f.count(facts.lag)} of its records are unread, and its newest sale so far is of ${newest}.`;
        }
        if (facts.atEnd) {
          return `Partition ${partition} holds it: all read and quiet, its last sale is of ${newest}; its watermark goes with the clock, ${delay} behind.`;
        }
        return `Partition ${partition} holds it, as the furthest behind: its newest sale is of ${newest}, less the delay of ${delay}.`;
      }
    }
  },
  watermarkAt: (atMs, delayMs, f) =>
    atMs === null || delayMs === null
      ? 'There is no watermark yet.'
      : `Watermark at ${f.time(atMs)}, ${f.duration(Math.max(0, delayMs))} behind the clock.`,
  othersOf: (categories) => `${categories} others`,
  ago: (ms, f) => `${f.duration(ms)} ago`,
  historySum: (from, to, money, sales, ticket) =>
    `From ${from} to ${to}: ${money} in ${sales} sales, ${ticket} on average.`,
};
