/** Where counting would go on: the progress documents against the log. Clocks against each other. */
import type { Settings } from '../config/options.ts';
import type { ListedTopic } from '../kafka/protocol/cluster.ts';
import { EXIT } from '../lib/errors.ts';
import { areOtherTopics } from '../lib/topic-id.ts';
import { formatCount, humanDurationMs } from '../lib/units.ts';
import type { MongoConnection } from '../mongo/connection.ts';
import { PROGRESS_COLLECTION, type ProgressDocument } from '../mongo/progress-document.ts';
import { type Finding, type Looked, type Problem, READ } from './examination.ts';
import type { ClockReading } from './kafka-probe.ts';
import type { LogEnds } from './topic-checks.ts';

const PARTITIONS_SHOWN = 20;
/** From here on people notice; nothing that is counted depends on it. */
const SKEW_MS_NOTICED = 2000;
/** Brokers take no dead letter dated further ahead, where the topic keeps its producer's time. */
const SKEW_MS_REFUSED = 3_600_000;

type Stored = Pick<
  ProgressDocument,
  'topico_id' | 'proximo_offset' | 'contadas' | 'dono' | 'atualizado_em'
>;

interface Place {
  readonly partition: number;
  readonly next: number;
  readonly log: LogEnds;
  readonly counted: number;
  readonly owner: string | null;
  readonly updatedMs: number;
  readonly topicId: string;
}

export async function lookAtPlaces(
  settings: Settings,
  { db }: MongoConnection,
  { topicId }: ListedTopic,
  logs: readonly LogEnds[],
): Promise<Looked<never>> {
  const { topic, collection } = settings;
  const documents = await db
    .collection<ProgressDocument>(PROGRESS_COLLECTION)
    .find({ _id: { $in: logs.map(({ partition }) => `${topic}/${partition}`) } })
    .project<Stored & { _id: string }>({ categorias: 0 })
    .toArray();
  const places = documents.map((document) => placeOf(document, logs));
  if (places.length === 0) {
    return { verdict: 'ok', found: 'nothing is counted yet; it begins at the start of the log' };
  }
  const counted = places.reduce((sum, one) => sum + one.counted, 0);
  const isEmpty = counted > 0 && (await db.collection(collection).findOne({})) === null;
  const problem = guardProblem(places, topicId, countAnew(settings), isEmpty ? collection : null);
  const lag = places.reduce((sum, { log, next }) => sum + Math.max(0, log.end - next), 0);
  const begun = `${places.length} of ${logs.length} partitions begun`;
  return {
    verdict: problem ? 'fail' : 'ok',
    found: `${formatCount(counted)} counted, ${formatCount(lag)} records to go, ${begun}`,
    lines: places.slice(0, PARTITIONS_SHOWN).map(placeLine),
    data: { counted, lag, places },
    ...(problem ? { problem } : {}),
  };
}

function placeOf(document: Stored & { _id: string }, logs: readonly LogEnds[]): Place {
  const partition = Number(document._id.slice(document._id.lastIndexOf('/') + 1));
  return {
    partition,
    next: Number(document.proximo_offset),
    log: logs.find((log) => log.partition === partition)!,
    counted: Number(document.contadas),
    owner: document.dono,
    updatedMs: document.atualizado_em.getTime(),
    topicId: document.topico_id,
  };
}

function placeLine({ partition, next, log, owner, updatedMs }: Place): string {
  const ago = humanDurationMs(Math.max(0, Date.now() - updatedMs));
  const who = owner === null ? 'nobody has it' : `of ${owner}`;
  return `partition ${partition}  next ${next} of ${log.end}  ${who}, written ${ago} ago`;
}

/** Beside the old totals: with a group and dead letters of its own, or it would share theirs. */
export function countAnew({ database, group, deadLetterTopic }: Settings): string {
  const own = `--group ${group}-2 --dlq-topic ${deadLetterTopic}-2`;
  return `vendaval --database ${database}_2 ${own}  # count what there is anew, beside the old totals`;
}

/** What the engine would stop at, with exit 3. */
function guardProblem(
  places: readonly Place[],
  topicId: string,
  anew: string,
  emptied: string | null,
): Problem | null {
  const problem = (code: string, cause: string): Problem => {
    return { code, cause, run: [anew], read: READ.guard, exitCode: EXIT.dataLossGuard };
  };
  const other = places.find((one) => areOtherTopics(one.topicId, topicId));
  if (other) {
    return problem(
      'E_TOPIC_RECREATED',
      'The topic was deleted and made anew since it was counted; its offsets mean other records.',
    );
  }
  const cut = places.find(({ next, log }) => next < log.start);
  if (cut) {
    return problem(
      'E_LOG_TRUNCATED',
      `Partition ${cut.partition}: ${cut.log.start - cut.next} records were deleted before they ` +
        'were counted (retention, or by hand).',
    );
  }
  const rewound = places.find(({ next, log }) => next > log.end);
  if (rewound) {
    return problem(
      'E_LOG_REWOUND',
      `Partition ${rewound.partition}: the log ends at ${rewound.log.end}, but it was counted up ` +
        `to ${rewound.next}.`,
    );
  }
  if (emptied === null) return null;
  return problem('E_TOTALS_MISSING', `"${emptied}" is empty, though sales were counted into it.`);
}

/** @param whose "the brokers", "MongoDB" */
export function judgeClock(clock: ClockReading, whose: string): Finding {
  const { beforeMs, theirMs, afterMs } = clock;
  if (Number.isNaN(theirMs)) return { verdict: 'skip', found: 'not told' };
  // It was read at some time in between: only what lies outside is a difference.
  const [least, most] = [theirMs - afterMs, theirMs - beforeMs];
  const skewMs = least > 0 ? least : most < 0 ? most : 0;
  const data = { skewMs, toWithinMs: afterMs - beforeMs };
  const side = skewMs > 0 ? 'ahead of' : 'behind';
  const size = humanDurationMs(Math.abs(skewMs));
  if (Math.abs(skewMs) < SKEW_MS_NOTICED) {
    const found = skewMs === 0 ? 'agree' : `${whose} ${size} ${side} this machine`;
    return { verdict: 'ok', found: `${found}, to within ${afterMs - beforeMs} ms`, data };
  }
  const isRefused = skewMs <= -SKEW_MS_REFUSED;
  return {
    verdict: isRefused ? 'fail' : 'warn',
    found: `${whose} ${size} ${side} this machine`,
    data,
    problem: {
      code: 'E_CLOCK_SKEW',
      cause: isRefused
        ? 'Brokers refuse dead letters dated an hour ahead, where the topic keeps such times.'
        : 'Totals do not depend on it, but lag in seconds and latency are shown wrong by as much.',
      run: ['timedatectl set-ntp true && timedatectl status  # on each of the machines'],
      read: READ.clocks,
    },
  };
}
