/** Commands of `vendaval` as a script calls them, on a scene's topic and database. */
import { type Ending, type EngineLine, EngineProcess } from './engine-process.ts';
import type { Scene } from './scene.ts';

const LIMIT_MS = 120_000;

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly lines: readonly EngineLine[];
  /** Those of one code. */
  of(code: string): EngineLine[];
}

/** @param words the command, its arguments and flags of its own */
export async function runCommand(
  test: Ending,
  scene: Pick<Scene, 'flags' | 'env'>,
  words: readonly string[],
  flags: Readonly<Record<string, string | null>> = {},
): Promise<Ran> {
  const run = new EngineProcess(test, [...words, ...scene.flags(flags)], {
    env: scene.env,
  });
  const { code } = await run.end(LIMIT_MS);
  const { stdout, stderr, lines } = run;
  return { code, stdout, stderr, lines, of: (name) => lines.filter((line) => line.code === name) };
}
