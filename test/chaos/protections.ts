/**
 * What exactness rests on, each as a change of the source that takes it out, and what must then
 * fail, a row of faults or the simulation or both: `npm run chaos -- --canaries`. A text to find
 * must be there exactly once, or the canary fails, so that a protection that moves takes its canary
 * along.
 */
import type { Replacement } from '../../scripts/build.ts';

export interface Protection {
  readonly name: string;
  /** Applied to the engine's build, and to src as a scenario's own process loads it. */
  readonly changes: readonly Replacement[];
  readonly shownBy?: ShownByScenario;
  readonly simulated?: ShownBySimulation;
}

export interface ShownByScenario {
  /** The scenarios to run; a title's beginning chooses among those of the row. */
  readonly row: number;
  readonly title?: string;
  /** How the failure must read: a canary that fails for another reason has shown nothing. */
  readonly failsWith: RegExp;
}

export interface ShownBySimulation {
  /** It must be found within the first so many seeds. */
  readonly seedsMax: number;
  /** The invariant that is broken. */
  readonly breaks: RegExp;
}

const CHECKPOINTER = 'src/coordinator/checkpointer.ts';
const CYCLE = 'src/coordinator/checkpoint-cycle.ts';
const ENGINE = 'src/coordinator/engine.ts';
const OWNED = 'src/coordinator/owned-partition.ts';
const RECOVERY = 'src/coordinator/recovery.ts';
const LEASE = 'src/workers/partition-lease.ts';
const LEDGER = 'src/workers/sale-ledger.ts';
const CONNECTION = 'src/mongo/connection.ts';
const PROGRESS = 'src/mongo/progress-store.ts';
const TOTALS = 'src/mongo/totals-store.ts';
const WATERMARK = 'src/window/watermark.ts';

const DIFFERS = /differ from the oracle/;

const change = (file: string, find: string, replace: string): Replacement => ({
  file,
  find,
  replace,
});

const WRITES_TOTALS =
  'if (!(await this.untilItHolds(() => totals.write(updates), giveUp))) return null;';
const SENDS_LETTERS =
  'if (!(await this.untilItHolds(() => deadLetters.send(letters), giveUp))) return null;';
const WRITES_PROGRESS = 'if (!(await this.untilItHolds(advance, giveUp))) return null;';

export const PROTECTIONS: readonly Protection[] = [
  {
    name: 'order: totals before progress',
    changes: [
      change(CHECKPOINTER, WRITES_TOTALS, ''),
      change(CHECKPOINTER, WRITES_PROGRESS, `${WRITES_PROGRESS}\n${WRITES_TOTALS}`),
    ],
    shownBy: { row: 2, title: 'crash before, in and after the totals', failsWith: DIFFERS },
    simulated: { seedsMax: 500, breaks: /^progress is never ahead of totals/ },
  },
  {
    name: 'order: dead letters before progress',
    changes: [
      change(CHECKPOINTER, SENDS_LETTERS, ''),
      change(CHECKPOINTER, WRITES_PROGRESS, `${WRITES_PROGRESS}\n${SENDS_LETTERS}`),
    ],
    shownBy: { row: 2, title: 'crash before, in and after the letters', failsWith: DIFFERS },
    simulated: { seedsMax: 500, breaks: /^progress is never ahead of dead letters/ },
  },
  {
    name: 'order: progress before the commit',
    changes: [
      change(
        CYCLE,
        'import { endsBefore,',
        `import { CommitPermit } from '../lib/commit-permit.ts';
        import { endsBefore,`,
      ),
      change(
        CYCLE,
        "timer.done('drain');",
        `for (const { progress: { partition, nextOffset } } of contents.values()) {
          commits.add([CommitPermit.issue(partition, nextOffset)]);
        }
        await commits.commit();`,
      ),
    ],
    shownBy: {
      row: 2,
      title: 'crash before, in and after the totals',
      failsWith: /committed \d+, durable \d+/,
    },
    simulated: { seedsMax: 500, breaks: /^what is committed is durable/ },
  },
  {
    name: 'the commit permit, issued for what the majority acknowledged',
    changes: [
      change(
        PROGRESS,
        'bulkWrite(operations, { ordered: false });',
        'bulkWrite(operations, { ordered: false }).catch(() => ({ matchedCount: Infinity }));',
      ),
    ],
    simulated: { seedsMax: 500, breaks: /^what is committed is durable/ },
  },
  {
    name: "the replay's guard for each key",
    changes: [
      change(
        LEDGER,
        'return ate !== undefined && offset < ate;',
        'return ate === Number.NaN && offset < ate;',
      ),
    ],
    shownBy: { row: 2, title: 'crash before, in and after the progress', failsWith: DIFFERS },
    simulated: { seedsMax: 1000, breaks: /^registers are true/ },
  },
  {
    name: "the register's guard: only a greater ate",
    changes: [
      change(TOTALS, '$gt: [BigInt(register.ate),', '$gt: [BigInt(register.ate) + 2n ** 40n,'),
    ],
    shownBy: { row: 4, title: 'zombie', failsWith: /to deeply equal/ },
    simulated: { seedsMax: 500, breaks: /^registers go forward/ },
  },
  {
    name: 'progress only goes forward',
    changes: [change(PROGRESS, 'proximo_offset: { $lte: nextOffset },', '')],
    shownBy: { row: 4, title: 'zombie', failsWith: /to deeply equal/ },
    simulated: {
      seedsMax: 500,
      breaks: /^(what is committed is durable|replays find their log|progress has its categories)/,
    },
  },
  {
    name: 'progress is read before registers',
    changes: [
      change(
        RECOVERY,
        'let progress = await sources.progress.read(partition, session);',
        `const early = await sources.totals.contributions(partition, -Infinity, session);
        failPoint('in-recovery');
        let progress = await sources.progress.read(partition, session);`,
      ),
      change(
        RECOVERY,
        'topicId: known }, contributions };',
        'topicId: known }, contributions: early };',
      ),
    ],
    shownBy: { row: 4, title: 'a takeover that stands still', failsWith: DIFFERS },
    simulated: { seedsMax: 10_000, breaks: /^registers are true/ },
  },
  {
    name: 'majority reads',
    changes: [change(CONNECTION, "new ReadConcern('majority')", "new ReadConcern('local')")],
    simulated: {
      seedsMax: 1000,
      breaks: /^(registers are true|progress is|what is committed is|windows close|idle time)/,
    },
  },
  {
    name: 'majority writes',
    changes: [change(CONNECTION, "{ w: 'majority', journal: true }", '{ w: 1, journal: true }')],
    simulated: { seedsMax: 500, breaks: /^(what is committed is|progress is|registers are true)/ },
  },
  {
    name: 'one causal session for a recovery',
    changes: [change(RECOVERY, 'causalConsistency: true', 'causalConsistency: false')],
    simulated: {
      seedsMax: 10_000,
      breaks: /^(registers are true|progress is|engines end for no false reason)/,
    },
  },
  {
    name: 'a recovery reads what is newest',
    changes: [
      change(RECOVERY, 'await sources.progress.announce(partition, topicId, session, known);', ''),
    ],
    simulated: { seedsMax: 20_000, breaks: /^engines end for no false reason.*E_LOG_TRUNCATED/ },
  },
  {
    name: 'progress is made by insertion only',
    changes: [change(PROGRESS, '$setOnInsert: {', '$set: {')],
    simulated: {
      seedsMax: 1000,
      breaks: /^(what is committed is|a start offset stays|progress is)/,
    },
  },
  {
    name: 'frozen content: registers as of the frozen delta',
    changes: [
      change(
        OWNED,
        '(category) => region.dictionary.nameOf(category),\n      nextOffset,',
        '(category) => region.dictionary.nameOf(category),\n      this.live[LIVE.nextOffset],',
      ),
    ],
    simulated: { seedsMax: 500, breaks: /^registers are true/ },
  },
  {
    name: 'frozen content: the same again after a failure',
    changes: [
      change(CHECKPOINTER, 'await sleep(waitMs, giveUp);', 'return false;'),
      change(CYCLE, 'if (this.#hasUnsettled) return;', ''),
    ],
    simulated: { seedsMax: 500, breaks: /^(progress is never ahead of|what is committed is)/ },
  },
  {
    name: 'after a checkpoint that failed, none',
    changes: [
      change(CYCLE, 'if (this.#hasUnsettled) return;', ''),
      change(ENGINE, 'while (!isReleased && !this.#cycle.hasUnsettled &&', 'while (!isReleased &&'),
    ],
    shownBy: {
      row: 2,
      title: 'an error of our own code',
      failsWith: /differ from the oracle|not yet: it ends/,
    },
  },
  {
    name: 'time advanced by skipped events',
    changes: [
      change(
        LEDGER,
        'else this.horizon.advanceTo(eventMs);',
        `else if (offset >= this.#guardedBelow || !this.#isCovered(window, categoryId, offset)) {
          this.horizon.advanceTo(eventMs);
        }`,
      ),
    ],
    // A sale that is late without it is counted: whichever of the two is looked at first.
    simulated: { seedsMax: 1000, breaks: /^(progress is|registers are) true/ },
  },
  {
    name: 'the idle rule: only at the end of the log',
    changes: [change(LEASE, 'if (from >= highWatermark && !isPartial) {', 'if (!isPartial) {')],
    simulated: { seedsMax: 1000, breaks: /^idle time is real/ },
  },
  {
    name: 'the idle rule: a gap counts as one poll',
    changes: [
      change(
        WATERMARK,
        'Math.min(Math.max(0, nowMs - this.#lastPollMs), this.#pollMsMax)',
        'Math.max(0, nowMs - this.#lastPollMs)',
      ),
    ],
    // Not by row 7: a pause beyond the group's session makes new leases, which were never idle.
    simulated: { seedsMax: 10_000, breaks: /^idle time is real/ },
  },
  {
    name: 'a partition without a document holds the watermark',
    changes: [
      change(
        WATERMARK,
        "return { watermarkMs: NO_WATERMARK_MS, hold: { kind: 'no-document', partition } };",
        'continue;',
      ),
    ],
    simulated: { seedsMax: 500, breaks: /^windows close behind every partition/ },
  },
  {
    name: 'a close takes nothing that is newer than its watermark',
    changes: [
      change(
        TOTALS,
        '{ ...openUpTo(watermarkMs), atualizado_em: { $lte: new Date(writtenAtMs) } },',
        'openUpTo(watermarkMs),',
      ),
    ],
    shownBy: {
      row: 4,
      title: 'a close that stands still',
      failsWith: /^what the stale close changed: .* to deeply equal \[\]/,
    },
  },
  {
    name: 'the poison rule',
    shownBy: { row: 21, failsWith: DIFFERS },
    changes: [
      change(
        LEDGER,
        'if (timestampMs >= 0 && eventMs > timestampMs + this.#rules.futureToleranceMs) {',
        'if (timestampMs < 0) {',
      ),
    ],
    simulated: { seedsMax: 500, breaks: /^registers are true/ },
  },
  {
    name: 'late sales are added to what the database holds of their window',
    changes: [change(CYCLE, 'if (!(await this.#reopenLate(taking))) return;', '')],
    simulated: { seedsMax: 500, breaks: /^registers are true/ },
  },
  {
    name: 'late sales are not added to a register that holds them already',
    changes: [
      change(
        OWNED,
        'if (stored.some(({ register }) => register.ate > this.durable.nextOffset)) return false;',
        '',
      ),
    ],
    simulated: { seedsMax: 2000, breaks: /^registers are true/ },
  },
  {
    name: 'a compacted document takes nothing more from whom it was compacted for',
    changes: [
      change(
        TOTALS,
        '{ $not: [{ $in: [partition, { $ifNull: [',
        '{ $not: [{ $in: [-1, { $ifNull: [',
      ),
    ],
    simulated: { seedsMax: 2000, breaks: /^(documents are|registers are|totals are)/ },
  },
  {
    name: 'categories are kept with progress',
    changes: [
      change(PROGRESS, 'withCategories.has(state.partition) ?', 'withCategories.has(-1) ?'),
    ],
    simulated: { seedsMax: 500, breaks: /^progress has its categories/ },
  },
];
