/**
 * `vendaval load --check`: watches how an engine counts what the load sends, and at the end holds
 * the database against the oracle. Reads only. A database that does not answer for a while is
 * told and asked again; what it did meanwhile shows in the times.
 */
import type { Settings } from '../config/options.ts';
import { sleep, steadyEpochMs } from '../lib/clock.ts';
import type { VendavalError } from '../lib/errors.ts';
import { Closing, type ClosingFigures } from '../load/closing.ts';
import type { Acknowledgement } from '../load/load-protocol.ts';
import { differences, type FoundProgress, type FoundTotal } from '../load/oracle-compare.ts';
import type { LoadOracle } from '../load/oracle-file.ts';
import { Visibility, type VisibilityFigures } from '../load/visibility.ts';
import { connectMongo, type MongoConnection, mongoError } from '../mongo/connection.ts';
import { ProgressReader } from '../mongo/progress-reader.ts';
import { TotalsReader } from '../mongo/totals-reader.ts';
import { REASONS } from '../sale/reasons.ts';
import { windowIndexOf } from '../window/window.ts';

/** From one read's answer to the next read. */
const POLL_MS = 20;
const RETRY_MS = 1000;
/** An engine that got no further for so long will not count what is left. */
const STAND_STILL_MS = 30_000;
const PAGE = 1000;
/** Back from the one that may be closed now. */
const WINDOWS_LOOKED_AT = 4;

export interface CheckResult {
  /** Sentences; none means exact. */
  readonly differences: readonly string[];
  readonly figures: VisibilityFigures;
  readonly closing: ClosingFigures;
}

export class LoadCheck {
  readonly #settings: Settings;
  readonly #mongo: MongoConnection;
  readonly #progress: ProgressReader;
  readonly #totalsReader: TotalsReader;
  readonly #visibility = new Visibility();
  readonly #end = new AbortController();
  readonly #onTrouble: (code: string, message: string) => void;
  #closing: Closing | null = null;
  #watching: Promise<void> = Promise.resolve();
  #nextOffsets: readonly number[] = [];

  private constructor(
    settings: Settings,
    mongo: MongoConnection,
    onTrouble: (code: string, message: string) => void,
  ) {
    this.#settings = settings;
    this.#mongo = mongo;
    this.#progress = new ProgressReader(mongo.db, settings.topic);
    this.#totalsReader = new TotalsReader(mongo.db, settings.collection);
    this.#onTrouble = onTrouble;
  }

  static async open(
    settings: Settings,
    onTrouble: (code: string, message: string) => void,
  ): Promise<LoadCheck> {
    const mongo = await connectMongo(settings.mongo, settings.database);
    return new LoadCheck(settings, mongo, onTrouble);
  }

  start(partitions: number): void {
    const { windowMs, watermarkDelayMs } = this.#settings;
    this.#closing = new Closing(windowMs, watermarkDelayMs, partitions);
    this.#watching = this.#watch(partitions, this.#closing);
  }

  acknowledged(batches: readonly Acknowledgement[]): void {
    this.#visibility.acknowledged(batches);
    this.#closing?.acknowledged(batches);
  }

  figures(): VisibilityFigures {
    return this.#visibility.figures();
  }

  /** Waits until the engine has judged all of the oracle's, or stands still, and compares. */
  async finish(oracle: LoadOracle, signal: AbortSignal): Promise<CheckResult> {
    let before = '';
    let deadlineMs = 0;
    while (!signal.aborted) {
      const isAll = oracle.particoes.every(
        ({ particao, proximo_offset }) => (this.#nextOffsets[particao] ?? 0) >= proximo_offset,
      );
      const nowMs = steadyEpochMs();
      const now = this.#nextOffsets.join();
      if (now !== before) deadlineMs = nowMs + STAND_STILL_MS;
      before = now;
      if (isAll || nowMs > deadlineMs) break;
      await sleep(POLL_MS, signal);
    }
    this.#end.abort();
    await this.#watching;
    try {
      const [totals, progress] = [await this.#totals(), await this.#counts(oracle)];
      const closing = this.#closing?.figures() ?? { windows: 0, times: null };
      const found = differences(oracle, totals, progress);
      return { differences: found, figures: this.figures(), closing };
    } catch (error) {
      throw mongoError(error, this.#settings.mongo);
    }
  }

  async close(): Promise<void> {
    this.#end.abort();
    await this.#watching;
    await this.#mongo.close();
  }

  async #watch(partitions: number, closing: Closing): Promise<void> {
    const { signal } = this.#end;
    while (!signal.aborted) {
      try {
        const counts = await this.#progress.readCounts(partitions);
        const nowMs = steadyEpochMs();
        const offsets: number[] = [];
        for (const { partition, nextOffset } of counts) {
          offsets[partition] = nextOffset;
          this.#visibility.seen(partition, nextOffset, nowMs);
        }
        this.#nextOffsets = offsets;
        if (closing.isNear(steadyEpochMs())) await this.#lookForClosed(closing);
        await sleep(POLL_MS, signal);
      } catch (cause) {
        const { code, message } = mongoError(cause, this.#settings.mongo) as VendavalError;
        this.#onTrouble(code, message);
        await sleep(RETRY_MS, signal);
      }
    }
  }

  async #lookForClosed(closing: Closing): Promise<void> {
    const { windowMs, watermarkDelayMs } = this.#settings;
    const fromMs = steadyEpochMs() - watermarkDelayMs - WINDOWS_LOOKED_AT * windowMs;
    const starts = await this.#totalsReader.closedWindows(fromMs);
    const nowMs = steadyEpochMs();
    for (const startMs of starts) closing.closed(windowIndexOf(startMs, windowMs), nowMs);
  }

  async #totals(): Promise<FoundTotal[]> {
    const all = { fromMs: 0, toMs: 2 ** 32 * 1000 };
    const totals: FoundTotal[] = [];
    for (let after: string | null = null; ; ) {
      const page = await this.#totalsReader.page(all, after, PAGE);
      totals.push(...page);
      if (page.length < PAGE) return totals;
      after = page[page.length - 1].id;
    }
  }

  async #counts({ particoes }: LoadOracle): Promise<FoundProgress[]> {
    const counts = await this.#progress.readCounts(particoes.length);
    return counts.map(({ partition, nextOffset, counted, rejected }) => ({
      partition,
      nextOffset,
      counted,
      rejected: Object.fromEntries(REASONS.map((name, code) => [name, rejected[code]])),
    }));
  }
}
