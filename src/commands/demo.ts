/**
 * `vendaval demo`: the whole path on one machine with nothing to install but what `npm ci` brought
 * and Python: a Kafka inside this process, a database beside it, the producer, the engine, and a
 * live table. Parts that are given (KAFKA_BROKERS, MONGO_URL) are used as they are.
 */
import { once } from 'node:events';
import { Writable } from 'node:stream';
import { OPTION_GROUPS } from '../config/option-groups.ts';
import { NO_KAFKA_SECURITY, type Settings } from '../config/options.ts';
import { asConfigFile, maskUrl, OPTION_KEYS, type ResolvedSettings } from '../config/settings.ts';
import { Engine } from '../coordinator/engine.ts';
import type { EngineEvent } from '../coordinator/engine-events.ts';
import { kafkaAndThreads } from '../coordinator/outside.ts';
import { kafkaAccess } from '../kafka/access.ts';
import { startEmbeddedBroker } from '../kafka/embedded-broker.ts';
import { topicMetadata } from '../kafka/metadata.ts';
import { createTopic } from '../kafka/topic-admin.ts';
import { EXIT, messageOf, VendavalError } from '../lib/errors.ts';
import { Laps } from '../lib/laps.ts';
import { humanDurationMs } from '../lib/units.ts';
import type { MongoConnection } from '../mongo/connection.ts';
import { connectMongo } from '../mongo/connection.ts';
import { startEmbeddedDatabase } from '../mongo/embedded-database.ts';
import { outColour as pc } from './colour.ts';
import { DemoView } from './demo-view.ts';
import { LivePage } from './live-page.ts';
import { writePrivateFile } from './private-file.ts';
import { runProduce } from './produce.ts';
import { eventWriter, type Shell } from './shell.ts';
import { openDatabase, openTopics, rulesJudge } from './startup.ts';

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
  /** Made-up sales a second; 0 makes none. */
  readonly rate: number;
  /** Ends by itself after so long; 0 runs until Ctrl+C. */
  readonly durationMs: number;
  /** False where engines of other processes count. */
  readonly hasEngine: boolean;
  /** Where to write a config file for other commands. */
  readonly writeConfig?: string | undefined;
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
      // The embedded broker asks for nothing, whatever the variables say of another.
      ...(hasBroker ? {} : NO_KAFKA_SECURITY),
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
  let own: OwnEngine | undefined;
  try {
    await openTopics(settings, ending.signal, onEvent);
    own = options.hasEngine ? await openEngine(settings, mongo, onEvent) : undefined;
    const engine = own?.engine ?? null;
    if (own?.address && !shell.json) say(`live page at ${pc.bold(own.address)}`);
    if (options.writeConfig !== undefined) await writeConfig(options.writeConfig, settings, say);
    say(
      `windows of ${humanDurationMs(settings.windowMs)}, watermark delay ` +
        `${humanDurationMs(settings.watermarkDelayMs)}, ${options.rate} sales/s; Ctrl+C stops everything`,
    );
    ending.signal.addEventListener('abort', () => engine?.stop(), { once: true });
    if (options.durationMs > 0) end = setTimeout(() => ending.abort(), options.durationMs);
    timer = setInterval(() => void view.show(engine, mongo), shell.json ? JSON_VIEW_MS : VIEW_MS);
    const parts: Promise<unknown>[] = engine ? [engine.run()] : [];
    if (options.rate > 0) parts.push(makeSales(settings, options.rate, ending.signal));
    if (parts.length === 0) parts.push(untilAborted(ending.signal));
    // Whichever ends first ends the other: a failure of one is a failure of the demo.
    const all = parts.map((part) => part.finally(() => ending.abort()));
    const results = await Promise.allSettled(all);
    clearInterval(timer);
    view.close();
    for (const result of results) if (result.status === 'rejected') throw result.reason;
    if (!engine) return;
    const { counted, rejected, windowsClosed } = engine.summary();
    say(`${counted} sales counted, ${rejected} rejected, ${windowsClosed} totals closed`);
  } finally {
    clearInterval(timer);
    clearTimeout(end);
    view.close();
    await own?.page.close();
    await mongo.close();
  }
}

interface OwnEngine {
  readonly engine: Engine;
  readonly page: LivePage;
  /** Of the live page; null without one. */
  readonly address: string | null;
}

async function openEngine(
  settings: Settings,
  mongo: MongoConnection,
  onEvent: (event: EngineEvent) => void,
): Promise<OwnEngine> {
  const page = await LivePage.make({
    ...{ settings, mongo, owner: 'demo', onEvent },
    status: () => engine.status(),
  });
  const engine = new Engine({
    settings,
    mongo,
    judgeRules: rulesJudge(settings, mongo),
    outside: kafkaAndThreads(settings),
    laps: new Laps(),
    owner: 'demo',
    untilEnd: false,
    onEvent: page.onEvent,
    onCheckpoint: page.onCheckpoint,
  });
  return { engine, page, address: await page.open({ host: '127.0.0.1', port: 0 }) };
}

async function makeSales(settings: Settings, rate: number, signal: AbortSignal): Promise<void> {
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const target = { access: kafkaAccess(settings), topic: settings.topic };
  await runProduce({ ...target, rate, json: true }, { out: silent, signal });
}

async function untilAborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort');
}

/** Where all of it is and by which rules it counts; what belongs to a process stays its own. */
async function writeConfig(
  path: string,
  settings: Settings,
  say: (step: string) => void,
): Promise<void> {
  const shared = OPTION_KEYS.filter((key) => /^(Kafka|MongoDB|Rules)/.test(OPTION_GROUPS[key]));
  const text = `${JSON.stringify(asConfigFile(settings, shared), null, 2)}\n`;
  try {
    // A URL of the user's own may hold a password.
    await writePrivateFile(path, text);
  } catch (error) {
    throw new VendavalError(`the config file ${path} cannot be written: ${messageOf(error)}`, {
      code: 'E_CONFIG',
      exitCode: EXIT.usage,
      cause: error,
    });
  }
  say(`in another terminal: --config ${path}`);
}
