/**
 * Each protection shown to be needed: the engine is built without it, and the scenario that is
 * named for it must fail, and for the reason that is named.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildInto, ROOT } from '../../scripts/build.ts';
import type { Protection } from './protections.ts';
import type { CanaryReport } from './report.ts';
import { runScenarios } from './run-scenarios.ts';
import { surroundings } from './surroundings.ts';
import type { View } from './view.ts';

const FOLDER = join(ROOT, '.cache/canaries');

/** One after the other, in the scenarios' short version. */
export async function runCanaries(
  protections: readonly Protection[],
  seed: number,
  view: View,
): Promise<CanaryReport[]> {
  const results: CanaryReport[] = [];
  for (const protection of protections) {
    const result = await runCanary(protection, seed, view);
    view.canary(result);
    results.push(result);
  }
  return results;
}

async function runCanary(protection: Protection, seed: number, view: View): Promise<CanaryReport> {
  const { name, changes, shownBy, failsWith } = protection;
  const { row, title } = shownBy;
  const startMs = performance.now();
  const engineMain = buildWithout(protection);
  view.step(`without ${name}`);
  const quiet: View = { ...view, ended: () => {} };
  const run = { rows: [row], title, changes, isShort: true, seed, engineMain };
  const { results, problems } = await runScenarios(run, quiet);
  const failures = results.flatMap(({ failure }) => failure ?? []);
  const fitting = failures.find((failure) => failsWith.test(failure));
  return {
    ...surroundings(),
    protection: name,
    shownBy: `row ${row}${title === undefined ? '' : `, ${title}`}`,
    failed: fitting !== undefined,
    failure: fitting ?? [...problems, ...failures].join('\n'),
    durationMs: Math.round(performance.now() - startMs),
  };
}

/** The program looks for package.json beside its folder. */
function buildWithout({ name, changes }: Protection): string {
  const folder = join(FOLDER, name.replaceAll(/\W+/g, '-'));
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "type": "module", "version": "0.0.0-canary" }\n');
  buildInto({ outDir: join(folder, 'dist'), keepFailPoints: true, replacements: changes });
  return join(folder, 'dist/main.js');
}
