/**
 * One test's own topic, group and database on the shared servers (or servers of its own), and the
 * engine's flags for them.
 */
import { type Db, MongoClient } from 'mongodb';
import { inject } from 'vitest';
import { type Ending, EngineProcess, type RunOptions } from './engine-process.ts';
import { type ExactOptions, expectExact } from './exact.ts';
import { DEFAULT_RULES, judgeAll, type Oracle, type OracleRules } from './oracle.ts';
import {
  createTopic,
  offsetRanges,
  produceRecords,
  type RecordToProduce,
  readTopic,
  uniqueName,
} from './topic.ts';

const SELECTION_LIMIT_MS = 30_000;

export interface SceneOptions {
  /** One that is there; a new one by default. */
  readonly topic?: string;
  readonly partitions?: number;
  readonly configs?: Readonly<Record<string, string>>;
  readonly replicas?: readonly number[];
  readonly rules?: Partial<OracleRules>;
  readonly brokers?: string;
  readonly mongoUrl?: string;
  /** Further flags of every command. */
  readonly flags?: Readonly<Record<string, string>>;
  /** Variables of every command, such as how it signs in. */
  readonly env?: Readonly<Record<string, string>>;
  /** librdkafka's settings for what `produce` sends. */
  readonly producer?: Readonly<Record<string, unknown>>;
  /** Another build of the engine than the one in dist. */
  readonly engineMain?: string;
}

export interface Progress {
  readonly partition: number;
  readonly nextOffset: number;
  readonly counted: number;
  readonly rejected: number;
  /** Empty for nobody. */
  readonly owner: string;
  readonly atEnd: boolean;
}

export class Scene {
  readonly brokers: string;
  readonly mongoUrl: string;
  readonly topic: string;
  readonly group = uniqueName('group');
  readonly rules: OracleRules;
  readonly db: Db;
  readonly #test: Ending;
  readonly #options: SceneOptions;

  private constructor(test: Ending, topic: string, db: Db, options: SceneOptions) {
    this.#test = test;
    this.brokers = options.brokers ?? inject('kafkaBrokers');
    this.mongoUrl = options.mongoUrl ?? inject('mongoUrl');
    this.topic = topic;
    this.db = db;
    this.rules = { ...DEFAULT_RULES, ...options.rules };
    this.#options = options;
  }

  static async make(test: Ending, options: SceneOptions = {}): Promise<Scene> {
    const { partitions, configs, replicas } = options;
    const shape = {
      ...(partitions === undefined ? {} : { partitions }),
      ...(configs === undefined ? {} : { configs }),
      ...(replicas === undefined ? {} : { replicas }),
    };
    const brokers = options.brokers ?? inject('kafkaBrokers');
    const topic = options.topic ?? (await createTopic(brokers, uniqueName(), shape));
    const client = new MongoClient(options.mongoUrl ?? inject('mongoUrl'), {
      serverSelectionTimeoutMS: SELECTION_LIMIT_MS,
      readConcern: { level: 'majority' },
      useBigInt64: true,
    });
    test.onTestFinished(() => client.close());
    return new Scene(test, topic, client.db(uniqueName('db')), options);
  }

  /** Variables of every command. */
  get env(): Readonly<Record<string, string>> {
    return this.#options.env ?? {};
  }

  /** The engine's flags, with `extra` winning; a value of null leaves one out. */
  flags(extra: Readonly<Record<string, string | null>> = {}): string[] {
    const { windowMs, delayMs, futureToleranceMs, timeZone, maxCategories, late } = this.rules;
    const all: Record<string, string | null> = {
      brokers: this.brokers,
      topic: this.topic,
      group: this.group,
      mongo: this.mongoUrl,
      database: this.db.databaseName,
      window: `${windowMs}ms`,
      'watermark-delay': `${delayMs}ms`,
      'future-tolerance': `${futureToleranceMs}ms`,
      'time-zone': timeZone,
      'max-categories': String(maxCategories),
      late,
      http: 'off',
      ...this.#options.flags,
      ...extra,
    };
    return Object.entries(all).flatMap(([name, value]) =>
      value === null ? [] : [`--${name}`, value],
    );
  }

  engine(
    extra: Readonly<Record<string, string | null>> = {},
    options: RunOptions & { untilEnd?: boolean } = {},
  ): EngineProcess {
    const untilEnd = options.untilEnd ? ['--until-end'] : [];
    const { engineMain } = this.#options;
    return new EngineProcess(this.#test, ['engine', ...untilEnd, ...this.flags(extra)], {
      ...(engineMain === undefined ? {} : { main: engineMain }),
      ...options,
      env: { ...this.env, ...options.env },
    });
  }

  /** Runs an engine to the log's end; throws unless it ends with 0. */
  drain(extra: Readonly<Record<string, string | null>> = {}): Promise<EngineProcess> {
    return this.engine(extra, { untilEnd: true }).endsWell();
  }

  produce(records: readonly RecordToProduce[], config: Readonly<Record<string, unknown>> = {}) {
    return produceRecords(this.brokers, this.topic, records, {
      ...this.#options.producer,
      ...config,
    });
  }

  async oracle(): Promise<Oracle> {
    return judgeAll(await readTopic(this.brokers, this.topic), this.topic, this.rules);
  }

  /** Every document, progress document and dead letter equals the oracle. */
  async expectExact(
    options: Omit<ExactOptions, 'brokers' | 'db'> & { oracle?: Oracle } = {},
  ): Promise<Oracle> {
    const oracle = options.oracle ?? (await this.oracle());
    await expectExact(oracle, { brokers: this.brokers, db: this.db, ...options });
    return oracle;
  }

  /** The progress documents as the majority has them, by partition. */
  async progress(): Promise<Progress[]> {
    const documents = await this.db
      .collection<{ _id: string; [field: string]: unknown }>('progresso_particoes')
      .find()
      .toArray();
    return documents
      .map((document) => ({
        partition: Number(document._id.split('/')[1]),
        nextOffset: Number(document.proximo_offset),
        counted: Number(document.contadas),
        rejected: Object.values(document.rejeitadas as object).reduce((a, b) => a + Number(b), 0),
        owner: String(document.dono ?? ''),
        atEnd: Boolean(document.no_fim),
      }))
      .sort((a, b) => a.partition - b.partition);
  }

  /** Until every record that the log holds now is judged and durable. */
  async untilDrained(engine: EngineProcess, limitMs?: number): Promise<void> {
    const ends = await offsetRanges(this.brokers, this.topic);
    const isDrained = async () => {
      const progress = await this.progress();
      return ends.every(({ partition, high }) => (progress[partition]?.nextOffset ?? -1) >= high);
    };
    await engine.until(isDrained, 'every record is durable', limitMs);
  }

  /** Records judged and durable. */
  async judged(): Promise<number> {
    const partitions = await this.progress();
    return partitions.reduce((sum, { counted, rejected }) => sum + counted + rejected, 0);
  }
}
