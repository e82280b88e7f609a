/** What an engine says of itself over HTTP; it must run with --http 127.0.0.1:0. */
import type { LiveSnapshot } from '../../src/dashboard/api.ts';
import type { EngineProcess } from '../parts/engine-process.ts';

/** Where its page is; the engine must have started. */
export function pageOf(engine: EngineProcess): string {
  const line = engine.lines.find(({ code }) => code === 'live-page');
  const url = /http:\S+/.exec(String(line?.msg))?.[0];
  if (url === undefined) throw new Error('the engine has not said where its page is');
  return url;
}

/**
 * What it says of itself now, over a connection of its own: a process that was stopped closes the
 * ones that it kept as soon as it goes on.
 */
export async function liveOf(engine: EngineProcess): Promise<LiveSnapshot> {
  const answer = await fetch(`${pageOf(engine)}/api/live`, { headers: { connection: 'close' } });
  return (await answer.json()) as LiveSnapshot;
}

/** Whether a partition waits for a checkpoint before it can go on. */
export async function isHeldBack(engine: EngineProcess, partition: number): Promise<boolean> {
  const { partitions } = await liveOf(engine);
  return partitions.find((one) => one.partition === partition)?.state === 'full';
}
