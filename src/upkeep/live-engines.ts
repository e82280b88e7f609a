/**
 * Whether an engine is at work on a database: by its group, and by the progress documents, which a
 * live owner writes about once a second, whatever its group is called.
 */
import type { Settings } from '../config/options.ts';
import { kafkaAccess } from '../kafka/access.ts';
import { groupMembers } from '../kafka/group-members.ts';
import { sleep } from '../lib/clock.ts';
import { VendavalError } from '../lib/errors.ts';
import type { Ownership, ProgressReader } from '../mongo/progress-reader.ts';

/** A live owner writes twice in it, and more with the default --flush-interval. */
const WATCH_MS = 3000;
/** In flush intervals, for those that are longer: as far as this command's own settings tell. */
const WATCH_INTERVALS = 3;

/** @returns what gives it away; null when nobody is at work */
export async function liveEngine(
  settings: Settings,
  progress: Pick<ProgressReader, 'readOwnerships'>,
  partitionCount: number,
  signal: AbortSignal,
): Promise<string | null> {
  const [member, ...others] = await groupMembers(
    kafkaAccess(settings),
    settings.group,
    settings.topic,
  );
  if (member) {
    const more = others.length > 0 ? ` and ${others.length} more` : '';
    return `${member.clientId} at ${member.host}${more} in the group "${settings.group}"`;
  }
  const before = await progress.readOwnerships(partitionCount);
  if (before.every(({ owner }) => owner === null)) return null;
  await sleep(Math.max(WATCH_MS, WATCH_INTERVALS * settings.flushIntervalMs), signal);
  const after = await progress.readOwnerships(partitionCount);
  const moved = after.find((now) => stampOf(before, now.partition) !== now.stamp);
  return moved
    ? `${moved.owner ?? 'an engine'} has just written partition ${moved.partition}`
    : null;
}

const stampOf = (ownerships: readonly Ownership[], wanted: number) =>
  ownerships.find(({ partition }) => partition === wanted)?.stamp;

export function engineAlive(who: string): VendavalError {
  return new VendavalError(`an engine is at work: ${who}`, {
    code: 'E_ENGINE_ALIVE',
    hint:
      'Stop every engine of this database first, and wait until it has ended; one that was killed ' +
      'leaves its group after ten seconds.',
  });
}
