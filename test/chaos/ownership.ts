/** Which process counts which partition, as processes and group tell it. */
import { readFile } from 'node:fs/promises';
import type { EngineProcess } from '../parts/engine-process.ts';
import type { Scene } from '../parts/scene.ts';
import { withAdmin } from '../parts/topic.ts';
import { liveOf } from './live-status.ts';

/** Those that the engine itself says it counts; it must run with --http 127.0.0.1:0. */
export async function countedBy(engine: EngineProcess): Promise<number[]> {
  const { partitions } = await liveOf(engine);
  return partitions.filter(({ state }) => state !== 'elsewhere').map(({ partition }) => partition);
}

/** Members that the group believes in, dead ones included until their session is over. */
export async function memberCount({ brokers, group }: Scene): Promise<number> {
  const { groups } = await withAdmin(brokers, (admin) => admin.describeGroups([group]));
  return groups[0].members.length;
}

/** Whether it was stopped by SIGSTOP; Linux tells it in /proc. */
export async function standsStill(engine: EngineProcess): Promise<boolean> {
  const stat = await readFile(`/proc/${engine.pid}/stat`, 'utf8');
  // The program's name stands in brackets and may hold anything.
  return stat.slice(stat.lastIndexOf(')') + 2).startsWith('T');
}
