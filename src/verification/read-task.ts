/**
 * What a reading process does: one partition of the sales or of the dead letters, from the log to
 * what is compared. Only findings go back, never records.
 */
import type { KafkaAccess } from '../kafka/access.ts';
import { messageOf, VendavalError } from '../lib/errors.ts';
import { areOtherTopics } from '../lib/topic-id.ts';
import { type LogRecord, readLetter, readMark } from './dead-letter.ts';
import { type LetterRows, LetterRowsBuilder } from './letter-rows.ts';
import { type LogSection, readSection } from './log-reader.ts';
import { type PartitionFindings, PartitionJudge, type PartitionTask } from './partition-judge.ts';
import type { Rules } from './rules.ts';

export interface SalesTask {
  readonly kind: 'sales';
  readonly access: KafkaAccess;
  readonly section: LogSection;
  readonly rules: Rules;
  readonly task: PartitionTask;
}

export interface LettersTask {
  readonly kind: 'letters';
  readonly access: KafkaAccess;
  readonly section: LogSection;
  /** Whose letters are wanted; the dead-letter topic may hold those of others too. */
  readonly topic: string;
  /** Its id; letters of another topic of its name are not its. */
  readonly topicId: string;
  /** Of whose totals they are. */
  readonly database: string;
}

export type ReadTask = SalesTask | LettersTask;

export interface SalesRead {
  readonly kind: 'sales';
  readonly findings: PartitionFindings;
  /** The section that was read. */
  readonly from: number;
  readonly to: number;
}

export interface LettersRead {
  readonly kind: 'letters';
  /** By the partition that their records are in. */
  readonly letters: ReadonlyMap<number, LetterRows>;
  /** Letters of other topics. */
  readonly foreign: number;
  /** Records that are no dead letters: offsets of the first, and how many. */
  readonly others: { readonly offsets: readonly number[]; readonly count: number };
  readonly partition: number;
}

export type ReadResult = SalesRead | LettersRead;

const OTHERS_KEPT = 20;

/** @param onRecord is told of each record, for the progress bar */
export function runReadTask(
  task: ReadTask,
  onRecord: (offset: number) => void,
): Promise<ReadResult> {
  return task.kind === 'sales' ? readSales(task, onRecord) : readLetters(task, onRecord);
}

async function readSales(task: SalesTask, onRecord: (offset: number) => void): Promise<SalesRead> {
  const { access, section, rules } = task;
  const judge = new PartitionJudge(rules, task.task);
  const take = (record: LogRecord) => {
    onRecord(record.offset);
    judge.add(record);
    return !judge.isBeyondRange;
  };
  // What was passed over cannot be read here either.
  let { from } = section;
  for (const skip of task.task.skips) {
    await readSection(access, { ...section, from, to: skip.from, isCorruptAtEnd: true }, take);
    if (judge.isBeyondRange) break;
    judge.skip(skip);
    from = skip.to;
  }
  const to = judge.isBeyondRange ? from : await readSection(access, { ...section, from }, take);
  const findings = judge.findings(to >= task.task.progressOffset);
  return { kind: 'sales', findings, from: section.from, to };
}

async function readLetters(
  task: LettersTask,
  onRecord: (offset: number) => void,
): Promise<LettersRead> {
  const builders = new Map<number, LetterRowsBuilder>();
  const others = { offsets: [] as number[], count: 0 };
  let foreign = 0;
  await readSection(task.access, task.section, (record: LogRecord) => {
    onRecord(record.offset);
    const mark = readMark(record, task.database);
    if (mark !== null) {
      if (mark === 'reset') builders.clear();
      return true;
    }
    const letter = readLetter(record);
    if (!letter) {
      others.count++;
      if (others.offsets.length < OTHERS_KEPT) others.offsets.push(record.offset);
    } else if (letter.topic !== task.topic || isOfOther(letter.topicId, task.topicId)) {
      foreign++;
    } else {
      let builder = builders.get(letter.partition);
      if (!builder) {
        builder = new LetterRowsBuilder();
        builders.set(letter.partition, builder);
      }
      builder.push(letter.offset, letter.item, letter.reason, letter.fingerprint);
    }
    return true;
  });
  const letters = new Map([...builders].map(([partition, rows]) => [partition, rows.rows()]));
  return { kind: 'letters', letters, foreign, others, partition: task.section.partition };
}

/** One that does not say its topic's id is of any topic of the name. */
const isOfOther = (told: string, wanted: string) => told !== '' && areOtherTopics(told, wanted);

/** How an error goes from process to process. */
export interface TaskFailure {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

export function toFailure(error: unknown): TaskFailure {
  if (!(error instanceof VendavalError)) return { code: 'E_INTERNAL', message: messageOf(error) };
  const { code, message, hint } = error;
  return { code, message, ...(hint === undefined ? {} : { hint }) };
}
