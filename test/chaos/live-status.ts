/** What an engine says of itself over HTTP; it must run with --http 127.0.0.1:0. */
import type { EngineStatus } from '../../src/coordinator/engine-events.ts';
import type { EngineProcess } from '../parts/engine-process.ts';

export async function liveStatus(engine: EngineProcess): Promise<EngineStatus> {
  const line = engine.lines.find(({ code }) => code === 'status-server');
  const url = /http:\S+/.exec(String(line?.msg))?.[0];
  if (url === undefined) throw new Error('the engine has not said where its state is');
  return (await fetch(url)).json() as Promise<EngineStatus>;
}

/** Whether a partition waits for a checkpoint before it can go on. */
export async function isHeldBack(engine: EngineProcess, partition: number): Promise<boolean> {
  const { partitions } = await liveStatus(engine);
  return partitions.find((one) => one.partition === partition)?.state === 'full';
}
