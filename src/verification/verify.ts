/**
 * The whole verification: reads what the database says, then the log up to there, and compares.
 *
 * It runs beside a live engine. In one causally consistent session of majority reads the progress
 * documents come first and the documents after them, so registers are never older than the
 * progress, and all that was counted below it is in them. The dead-letter topic's end is noted in
 * between: the letters of everything below the progress lie before it. Last the logs' ends: no
 * register and no letter can speak of more.
 */
import type { ClientSession } from 'mongodb';
import type { KafkaAccess } from '../kafka/access.ts';
import { existingTopic } from '../kafka/metadata.ts';
import { EXIT, VendavalError } from '../lib/errors.ts';
import { areOtherTopics } from '../lib/topic-id.ts';
import type { MongoConnection } from '../mongo/connection.ts';
import { compareAllLetters } from './compare-all-letters.ts';
import { compareClosing, judgeLeftOpen } from './compare-closing.ts';
import type { LettersCompared } from './compare-letters.ts';
import { compareProgress } from './compare-progress.ts';
import { compareTotals, IdsWithSales, type TotalsCompared } from './compare-totals.ts';
import { Differences } from './differences.ts';
import { type LogBounds, LogInquiry } from './log-bounds.ts';
import { type Note, Notes } from './notes.ts';
import type { PartitionFindings, WindowRange } from './partition-judge.ts';
import { type PartitionPlan, planPartitions } from './plan.ts';
import { parseRange } from './range.ts';
import type { LettersRead, ReadTask, SalesRead } from './read-task.ts';
import { type ReadProgress, readAll } from './reader-pool.ts';
import { type Rules, readRules } from './rules.ts';
import {
  globalWatermarkMs,
  greatestWatermarkMs,
  readProgress,
  type StoredProgress,
} from './stored-progress.ts';
import { readTotals, type StoredTotals, settleOdd } from './stored-totals.ts';

export interface VerifyOptions {
  readonly access: KafkaAccess;
  readonly mongo: MongoConnection;
  /** null for the pinned topic's own. */
  readonly deadLetterTopic: string | null;
  /** Where these were asked for by name, they must be the pinned ones. */
  readonly topic: string | null;
  readonly collection: string | null;
  /** Windows that start in it; a time without a zone is read in the pinned zone. */
  readonly from: string | null;
  readonly to: string | null;
  /** Reading processes; 0 leaves it to the number of cores. */
  readonly processes: number;
  readonly differencesKept: number;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: ReadProgress) => void;
}

export interface Verdict {
  readonly rules: Rules;
  readonly range: WindowRange;
  readonly partitions: number;
  /** Records that were read and judged. */
  readonly records: number;
  readonly totals: TotalsCompared;
  readonly letters: LettersCompared;
  readonly differences: Differences;
  readonly notes: readonly Note[];
}

export async function verify(options: VerifyOptions): Promise<Verdict> {
  const session = options.mongo.client.startSession({ causalConsistency: true });
  try {
    return await new Verification(options, session).run();
  } finally {
    await session.endSession();
  }
}

/** What was read of the database and of the brokers before the log. */
interface Basis {
  readonly topicId: string;
  readonly progress: ReadonlyMap<number, StoredProgress>;
  readonly stored: StoredTotals;
  readonly bounds: readonly LogBounds[];
  readonly letterBounds: readonly LogBounds[];
  readonly rangeStarts: readonly number[] | null;
}

class Verification {
  readonly #options: VerifyOptions;
  readonly #session: ClientSession;
  readonly #differences: Differences;
  readonly #notes = new Notes();
  #rules!: Rules;
  #range!: WindowRange;
  #deadLetterTopic!: string;

  constructor(options: VerifyOptions, session: ClientSession) {
    this.#options = options;
    this.#session = session;
    this.#differences = new Differences(options.differencesKept);
  }

  async run(): Promise<Verdict> {
    const { mongo, deadLetterTopic, from, to } = this.#options;
    this.#rules = await readRules(mongo.db, this.#session);
    this.#requirePinned();
    this.#range = parseRange(from, to, this.#rules);
    this.#deadLetterTopic = deadLetterTopic ?? `${this.#rules.topic}.dlq`;
    const basis = await this.#readBasis();
    const plans = planPartitions({
      ...basis,
      documents: basis.stored.byId.values(),
      range: this.#range,
    });
    const { sales, letters } = await this.#readLogs(plans, basis);
    return this.#compare(plans, basis, sales, letters);
  }

  #requirePinned(): void {
    const { topic, collection, mongo } = this.#options;
    const pinned = { topic: this.#rules.topic, collection: this.#rules.collection };
    for (const [name, asked] of Object.entries({ topic, collection })) {
      const is = pinned[name as keyof typeof pinned];
      if (asked === null || asked === is) continue;
      throw new VendavalError(
        `the database "${mongo.db.databaseName}" holds totals of the ${name} "${is}", not "${asked}"`,
        {
          code: 'E_VERIFY_SETTINGS',
          exitCode: EXIT.usage,
          hint: `Leave --${name} out, or name the database that holds its totals: --database <name>.`,
        },
      );
    }
  }

  /** In this order; see above. */
  async #readBasis(): Promise<Basis> {
    const { access, mongo } = this.#options;
    const { topic, futureToleranceMs } = this.#rules;
    const metadata = await existingTopic(access, topic);
    const letterMetadata = await existingTopic(access, this.#deadLetterTopic);
    const count = metadata.partitions.length;
    const inquiry = await LogInquiry.open(access);
    try {
      const progress = await this.#progress(count, this.#differences);
      requireTopicId(progress, metadata.topicId);
      const letterBounds = await inquiry.bounds(
        this.#deadLetterTopic,
        letterMetadata.partitions.length,
      );
      const { db } = mongo;
      const stored = await readTotals(
        db,
        this.#session,
        this.#rules,
        this.#range,
        this.#differences,
      );
      if (progress.size === 0 && stored.count === 0) throw nothingYet(db.databaseName);
      // Windows may have been closed by later progress than was read at first.
      const later = await this.#progress(count, new Differences(0));
      compareClosing(
        stored.byId.values(),
        this.#rules.windowMs,
        greatestWatermarkMs(later),
        this.#differences,
      );
      const bounds = await inquiry.bounds(topic, count);
      const { fromMs } = this.#range;
      const rangeStarts = Number.isFinite(fromMs)
        ? await inquiry.firstOffsetFrom(topic, Math.max(0, fromMs - futureToleranceMs), bounds)
        : null;
      const { topicId } = metadata;
      return { topicId, progress, stored, bounds, letterBounds, rangeStarts };
    } finally {
      await inquiry.close();
    }
  }

  #progress(count: number, differences: Differences): Promise<Map<number, StoredProgress>> {
    const { db } = this.#options.mongo;
    return readProgress(db, this.#session, this.#rules.topic, count, differences);
  }

  async #readLogs(
    plans: readonly PartitionPlan[],
    { topicId, letterBounds }: Pick<Basis, 'topicId' | 'letterBounds'>,
  ): Promise<{ sales: Map<number, SalesRead>; letters: LettersRead[] }> {
    const { access, mongo, processes, signal, onProgress } = this.#options;
    const database = mongo.db.databaseName;
    const rules = this.#rules;
    const whose = { topic: rules.topic, topicId, database };
    const tasks: ReadTask[] = [
      ...plans.map(({ partition, from, to, task }) => {
        const section = { topic: rules.topic, partition, from, to };
        return { kind: 'sales', access, section, rules, task } as const;
      }),
      ...letterBounds.map(({ partition, start, end }) => {
        const section = { topic: this.#deadLetterTopic, partition, from: start, to: end };
        return { kind: 'letters', access, section, ...whose } as const;
      }),
    ];
    const results = await readAll(tasks, processes, signal, onProgress);
    const sales = results.filter((result) => result.kind === 'sales');
    return {
      sales: new Map(sales.map((read) => [read.findings.partition, read])),
      letters: results.filter((result) => result.kind === 'letters'),
    };
  }

  // --- comparing ----------------------------------------------------------------------------

  async #compare(
    plans: readonly PartitionPlan[],
    basis: Basis,
    sales: ReadonlyMap<number, SalesRead>,
    letters: readonly LettersRead[],
  ): Promise<Verdict> {
    for (const plan of plans) this.#comparePartition(plan, sales.get(plan.partition)!);
    const findings = [...sales.values()].map((read) => read.findings);
    this.#noteCounters(plans, findings);
    const ids = new IdsWithSales(findings);
    settleOdd(basis.stored, (id) => ids.has(id), this.#differences);
    const ends = new Map(basis.bounds.map(({ partition, end }) => [partition, end]));
    const totals = compareTotals(basis.stored, findings, ends, this.#differences);
    const { topic } = this.#rules;
    const compared = compareAllLetters(
      { topic, deadLetterTopic: this.#deadLetterTopic, plans, sales, letters, ...basis },
      this.#differences,
      this.#notes,
    );
    await this.#lookForOpen(basis.progress, plans.length);
    if (totals.unjudged > 0) {
      const upTo = new Date(totals.unjudgedUpToMs!).toISOString();
      this.#notes.add(
        'documents-unjudged',
        `${totals.unjudged} documents, of windows up to ${upTo}, could be judged in part only`,
      );
    }
    return {
      rules: this.#rules,
      range: this.#range,
      partitions: plans.length,
      records: findings.reduce((sum, { records }) => sum + records, 0),
      totals,
      letters: compared,
      differences: this.#differences,
      notes: this.#notes.list,
    };
  }

  #comparePartition(plan: PartitionPlan, read: SalesRead): void {
    const { partition, progress, bounds, task } = plan;
    const { topic, delayMs } = this.#rules;
    if (!progress) {
      if (task.ahead.size === 0) {
        this.#notes.add('not-started', `partition ${partition} has not been counted yet`);
      } else {
        const expected = `one, since ${task.ahead.size} documents have a register of it`;
        this.#differences.add('progress', `${topic}/${partition}`, '', 'no document', expected);
      }
      return;
    }
    const { atProgress, judgedFromMs } = read.findings;
    compareProgress(progress, atProgress, topic, delayMs, bounds.end, this.#differences);
    if (task.missing === 'unknown') {
      const which =
        judgedFromMs === Number.POSITIVE_INFINITY
          ? 'any of its windows'
          : `its windows before ${new Date(judgedFromMs).toISOString()}`;
      this.#notes.add(
        'log-cut',
        `partition ${partition} was counted from offset ${progress.startOffset}, and its log now ` +
          `starts at ${bounds.start}: too short to judge ${which}`,
      );
    }
  }

  #noteCounters(plans: readonly PartitionPlan[], findings: readonly PartitionFindings[]): void {
    const known = new Set(
      findings.filter(({ atProgress }) => atProgress !== null).map((found) => found.partition),
    );
    const without = plans.filter(({ partition, progress }) => progress && !known.has(partition));
    if (without.length === 0) return;
    const list = without.map(({ partition }) => partition).join(', ');
    const what = 'counters, greatest event time and categories were not compared';
    this.#notes.add('counters-unjudged', `partitions ${list}: ${what}`);
  }

  async #lookForOpen(before: ReadonlyMap<number, StoredProgress>, count: number): Promise<void> {
    const watermarkMs = globalWatermarkMs(before, count);
    if (watermarkMs === null) return;
    const after = await this.#progress(count, new Differences(0));
    const { fromMs, toMs } = this.#range;
    const open = await this.#options.mongo.db
      .collection(this.#rules.collection)
      .find(
        { fechada: false, janela_fim: { $lte: new Date(watermarkMs) } },
        { session: this.#session },
      )
      .project<{ _id: unknown; janela_inicio: unknown }>({ janela_inicio: 1 })
      .toArray();
    const ids = open.flatMap(({ _id, janela_inicio: start }) =>
      start instanceof Date && start.getTime() >= fromMs && start.getTime() < toMs
        ? [String(_id)]
        : [],
    );
    judgeLeftOpen(ids, watermarkMs, before, after, this.#differences, this.#notes);
  }
}

function requireTopicId(progress: ReadonlyMap<number, StoredProgress>, topicId: string): void {
  for (const stored of progress.values()) {
    if (!areOtherTopics(stored.topicId, topicId)) continue;
    throw new VendavalError(
      `the topic was made anew: its totals were counted under topic id ${stored.topicId}, and now ` +
        `it has ${topicId}`,
      {
        code: 'E_TOPIC_RECREATED',
        hint: 'The log that the totals came from is gone, so they can no longer be verified.',
      },
    );
  }
}

function nothingYet(database: string): VendavalError {
  return new VendavalError(`nothing has been counted into "${database}" yet`, {
    code: 'E_VERIFY_NOTHING',
    hint: 'Start the engine first: it makes a progress document for each partition.',
  });
}
