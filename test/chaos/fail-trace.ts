/** What an engine with an armed fail point tells of its passings on standard error. */
import type { EngineProcess } from '../parts/engine-process.ts';

export interface Passing {
  readonly name: string;
  readonly atMs: number;
}

const LINE = /^fail-point (\S+) \d+ thread \d+ at (\d+)$/gm;

export function passings(engine: EngineProcess): Passing[] {
  return [...engine.stderr.matchAll(LINE)].map(([, name, at]) => ({ name, atMs: Number(at) }));
}

/** Arms one: `name:action`, with a delay and a passing, as in src/lib/fail-point.ts. */
export const armed = (spec: string) => ({ env: { VENDAVAL_FAIL_POINT: spec } });
