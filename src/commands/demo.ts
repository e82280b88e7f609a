/**
 * `vendaval demo`: the whole path on one machine with nothing to install but what `npm ci` brought
 * and Python: a Kafka inside this process, a database beside it, the producer, the engine, and a
 * live table. Parts that are given (KAFKA_BROKERS, MONGO_URL) are used as they are.
 */
import { Writable } from 'node:stream';
import logUpdate from 'log-update';
import type { Settings } from '../config/options.ts';
import type { ResolvedSettings } from '../config/settings.ts';
import { maskUrl } from '../config/settings.ts';
import { Engine } from '../coordinator/engine.ts';
import type { EngineEvent } from '../coordinator/engine-events.ts';
import { kafkaAndThreads } from '../coordinator/outside.ts';
import { kafkaAccess } from '../kafka/access.ts';
import { startEmbeddedBroker } from '../kafka/embedded-broker.ts';
import { topicMetadata } from '../kafka/metadata.ts';
import { createTopic } from '../kafka/topic-admin.ts';
import { humanDurationMs } from '../lib/units.ts';
import type { MongoConnection } from '../mongo/connection.ts';
import { connectMongo } from '../mongo/connection.ts';
import { startEmbeddedDatabase } from '../mongo/embedded-database.ts';
import { outColour as pc } from './colour.ts';
import { closedCount, newestTotals, renderStream, renderTotals } from './demo-view.ts';
import { LivePage } from './live-page.ts';
import { runProduce } from './produce.ts';
import { eventWriter, type Shell } from './shell.ts';
import { openDatabase, openTopics } from './startup.ts';

const VIEW_MS = 500;
const JSON_VIEW_MS = 1000;
/** Short enough that the first window closes while somebody still looks. */
const SHORT_WINDOW_MS = 10_000;
const SHORT_DELAY_MS = 5000;
const DEMO_DATABASE = 'black_friday_demo';
/** On a broker of the user's own. */
const DEMO_TOPIC = 'black-friday-demo';

export interface DemoOptions {
  /** Windows of a minute and a delay of two, as in production. */
  readonly realTime: boolean;
  /** Made-up sales a second. */
  readonly rate: number;
  /** Ends by itself after so long; 0 runs until Ctrl+C. */
  readonly durationMs: number;
}

interface Parts {
  readonly settings: Settings;
  stop(): Promise<void>;
}

export async function runDemo(
  resolved: ResolvedSettings,
  options: DemoOptions,
  shell: Shell,
): Promise<void> {
  const say = (step: string) => {
    if (shell.json) shell.out.write(`${JSON.stringify({ code: 'step', message: step })}\n`);
    else shell.out.write(`${pc.dim('·')} ${step}\n`);
  };
  const ending = new AbortController();
  shell.signal.addEventListener('abort', () => ending.abort(), { once: true });
  const parts = await startParts(resolved, options, say);
  try {
    if (!ending.signal.aborted) await runOn(parts.settings, options, shell, ending, say);
  } finally {
    await parts.stop();
    say('stopped; nothing is left running');
  }
}

async function startParts(
  { settings, origins }: ResolvedSettings,
  options: DemoOptions,
  say: (step: string) => void,
): Promise<Parts> {
  const isShort = !options.realTime;
  const windowMs = isShort && origins.windowMs === 'default' ? SHORT_WINDOW_MS : settings.windowMs;
  const watermarkDelayMs =
    isShort && origins.watermarkDelayMs === 'default' ? SHORT_DELAY_MS : settings.watermarkDelayMs;
  const hasBroker = origins.brokers !== 'default';
  const hasDatabase = origins.mongo !== 'default';
  const stops: (() => Promise<void>)[] = [];
  const stop = async () => {
    for (const end of stops.reverse()) await end();
  };
  try {
    let { brokers, mongo, database, topic, deadLetterTopic } = settings;
    if (hasBroker) {
      // Made-up sales do not belong among the real ones.
      if (origins.topic === 'default') {
        topic = DEMO_TOPIC;
        if (origins.deadLetterTopic === 'default') deadLetterTopic = `${topic}.dlq`;
      }
      say(`Kafka at ${brokers}, as given, topic ${topic}`);
    } else {
      const broker = await startEmbeddedBroker({
        topics: [settings.topic, settings.deadLetterTopic],
      });
      stops.push(() => broker.stop());
      brokers = broker.brokers;
      say(`Kafka inside this process, at ${brokers}`);
    }
    if (hasDatabase) {
      // Totals of short windows do not belong into the database of the real ones.
      if (origins.database === 'default') database = DEMO_DATABASE;
      say(`MongoDB at ${maskUrl(mongo)}, as given, database ${database}`);
    } else {
      const embedded = await startEmbeddedDatabase({ onStep: say });
      stops.push(() => embedded.stop());
      mongo = embedded.url;
      say(`database beside this process, at ${mongo}`);
    }
    const demo: Settings = {
      ...settings,
      ...{ brokers, topic, deadLetterTopic, mongo, database, windowMs, watermarkDelayMs },
    };
    if (hasDatabase && !hasBroker && origins.database === 'default') await dropDemo(demo);
    if (hasBroker) await ensureTopics(demo);
    return { settings: demo, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** An embedded Kafka starts empty: totals of an earlier demo belong to a log that is gone. */
async function dropDemo(settings: Settings): Promise<void> {
  const { db, close } = await connectMongo(settings.mongo, settings.database);
  await db.dropDatabase().finally(close);
}

async function ensureTopics(settings: Settings): Promise<void> {
  const access = kafkaAccess(settings);
  await topicMetadata(access, settings.topic);
  for (const topic of [settings.topic, settings.deadLetterTopic]) {
    await createTopic(access, { topic, partitions: 3, replicationFactor: 1 });
  }
}

async function runOn(
  settings: Settings,
  options: DemoOptions,
  shell: Shell,
  ending: AbortController,
  say: (step: string) => void,
): Promise<void> {
  const view = new DemoView(settings, shell);
  const write = eventWriter(shell, (line) => view.note(line));
  // Under the table only what is wrong is worth a line.
  const onEvent = (event: EngineEvent) => {
    if (shell.json || event.level !== 'info') write(event);
  };
  const mongo = await openDatabase(settings, ending.signal, onEvent);
  let timer: NodeJS.Timeout | undefined;
  let end: NodeJS.Timeout | undefined;
  let page: LivePage | undefined;
  try {
    await openTopics(settings, ending.signal, onEvent);
    page = await LivePage.make({
      ...{ settings, mongo, owner: 'demo', onEvent },
      status: () => engine.status(),
    });
    const engine = new Engine({
      settings,
      mongo,
      outside: kafkaAndThreads(settings),
      owner: 'demo',
      untilEnd: false,
      onEvent: page.onEvent,
      onCheckpoint: page.onCheckpoint,
    });
    const address = await page.open({ host: '127.0.0.1', port: 0 });
    if (address !== null && !shell.json) say(`live page at ${pc.bold(address)}`);
    say(
      `windows of ${humanDurationMs(settings.windowMs)}, watermark delay ` +
        `${humanDurationMs(settings.watermarkDelayMs)}, ${options.rate} sales/s; Ctrl+C stops everything`,
    );
    ending.signal.addEventListener('abort', () => engine.stop(), { once: true });
    if (options.durationMs > 0) end = setTimeout(() => ending.abort(), options.durationMs);
    timer = setInterval(() => void view.show(engine, mongo), shell.json ? JSON_VIEW_MS : VIEW_MS);
    const { topic } = settings;
    const access = kafkaAccess(settings);
    const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
    const io = { out: silent, signal: ending.signal };
    const producing = runProduce({ access, topic, rate: options.rate, json: true }, io);
    // Whichever ends first ends the other: a failure of one is a failure of the demo.
    const both = [engine.run(), producing].map((part) => part.finally(() => ending.abort()));
    const results = await Promise.allSettled(both);
    clearInterval(timer);
    view.close();
    for (const result of results) if (result.status === 'rejected') throw result.reason;
    const { counted, rejected, windowsClosed } = engine.summary();
    say(`${counted} sales counted, ${rejected} rejected, ${windowsClosed} totals closed`);
  } finally {
    clearInterval(timer);
    clearTimeout(end);
    view.close();
    await page?.close();
    await mongo.close();
  }
}

/** Redrawn in place on a terminal; one JSON line a second in a pipe. */
class DemoView {
  readonly #settings: Settings;
  readonly #shell: Shell;
  readonly #startedMs = performance.now();
  #notes: string[] = [];
  #isBusy = false;
  #isClosed = false;
  #firstClosedMs: number | null = null;
  #lastCounted = 0;
  #lastMs = performance.now();
  #rate = 0;

  constructor(settings: Settings, shell: Shell) {
    this.#settings = settings;
    this.#shell = shell;
  }

  /** Keeps the last few events in sight under the table. */
  note(line: string): void {
    this.#notes = [...this.#notes, line].slice(-3);
  }

  async show(engine: Engine, mongo: MongoConnection): Promise<void> {
    // A slow database must not pile up questions.
    if (this.#isBusy) return;
    this.#isBusy = true;
    try {
      const rows = await newestTotals(mongo.db, this.#settings.collection);
      const closed = await closedCount(mongo.db, this.#settings.collection);
      if (closed > 0) this.#firstClosedMs ??= performance.now() - this.#startedMs;
      if (this.#isClosed) return;
      const status = engine.status();
      this.#measure(status.partitions.reduce((total, p) => total + p.counted, 0));
      if (this.#shell.json) this.#print({ closed, rows, ...status });
      else this.#draw(rows, status, closed);
    } catch (error) {
      this.note(`the table waits: ${(error as Error).message}`);
    } finally {
      this.#isBusy = false;
    }
  }

  #measure(counted: number): void {
    const nowMs = performance.now();
    // Smoothed, since at two sales a second every half second differs.
    const rate = ((counted - this.#lastCounted) * 1000) / Math.max(1, nowMs - this.#lastMs);
    this.#rate = this.#lastCounted === 0 ? rate : this.#rate * 0.8 + Math.max(0, rate) * 0.2;
    this.#lastCounted = counted;
    this.#lastMs = nowMs;
  }

  #draw(
    rows: Awaited<ReturnType<typeof newestTotals>>,
    status: ReturnType<Engine['status']>,
    closed: number,
  ): void {
    const first =
      this.#firstClosedMs === null
        ? 'no window closed yet'
        : `${closed} totals closed, the first after ${humanDurationMs(this.#firstClosedMs)}`;
    logUpdate(
      [
        '',
        renderTotals(rows, this.#settings.windowMs),
        renderStream(status, this.#rate, Date.now()),
        `${pc.bold('closed')}     ${first}`,
        ...this.#notes.map((note) => pc.dim(note)),
      ].join('\n'),
    );
  }

  #print(fields: object): void {
    const line = {
      code: 'demo',
      elapsedMs: Math.round(performance.now() - this.#startedMs),
      firstClosedMs: this.#firstClosedMs === null ? null : Math.round(this.#firstClosedMs),
      ...fields,
    };
    const text = JSON.stringify(line, (_, value) =>
      typeof value === 'bigint' ? value.toString() : value,
    );
    this.#shell.out.write(`${text}\n`);
  }

  close(): void {
    if (!this.#shell.json && !this.#isClosed) logUpdate.done();
    this.#isClosed = true;
  }
}
