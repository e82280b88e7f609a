/** `vendaval verify` as a script calls it, on a scene's database, and what it said. */
import type { Db } from 'mongodb';
import { type Ending, EngineProcess } from './engine-process.ts';
import type { Scene } from './scene.ts';

export interface FoundDifference {
  readonly kind: string;
  readonly where: string;
  readonly field: string;
  readonly found: string;
  readonly expected: string;
}

export interface Verdict {
  readonly exit: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly differences: readonly FoundDifference[];
  readonly notes: ReadonlyMap<string, string>;
  /** Fields of the last line; undefined when there was no verdict. */
  readonly verdict: Readonly<Record<string, unknown>> | undefined;
}

const LIMIT_MS = 120_000;

/** @param flags further ones, by name */
export async function runVerify(
  test: Ending,
  scene: Pick<Scene, 'brokers' | 'mongoUrl'> & { readonly db: Db },
  flags: Readonly<Record<string, string>> = {},
): Promise<Verdict> {
  const all = {
    brokers: scene.brokers,
    mongo: scene.mongoUrl,
    database: scene.db.databaseName,
    ...flags,
  };
  const args = Object.entries(all).flatMap(([name, value]) => [`--${name}`, value]);
  const run = new EngineProcess(test, ['verify', ...args]);
  const { code } = await run.end(LIMIT_MS);
  const of = (name: string) => run.lines.filter((line) => line.code === name);
  return {
    exit: code,
    stdout: run.stdout,
    stderr: run.stderr,
    differences: of('difference').map(({ kind, where, field, found, expected }) => {
      return { kind, where, field, found, expected } as FoundDifference;
    }),
    notes: new Map(of('note').map(({ note, msg }) => [String(note), String(msg)])),
    verdict: of('verdict')[0],
  };
}
