/**
 * Each protection shown to be needed: the engine is built without it, and the scenario or the
 * simulation that is named for it must fail, and for the reason that is named.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildInto, ROOT } from '../../scripts/build.ts';
import { Fleet } from '../simulation/fleet.ts';
import type { Protection, ShownByScenario, ShownBySimulation } from './protections.ts';
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
    const { shownBy, simulated } = protection;
    const shown = [
      ...(simulated ? [await runSimulatedCanary(protection, simulated, view)] : []),
      ...(shownBy ? [await runCanary(protection, shownBy, seed, view)] : []),
    ];
    for (const result of shown) view.canary(result);
    results.push(...shown);
  }
  return results;
}

/** The simulation from its first seed on, until it finds what is wrong. */
export async function runSimulatedCanary(
  { name, changes }: Protection,
  { seedsMax, breaks }: ShownBySimulation,
  view: Pick<View, 'step'>,
): Promise<CanaryReport> {
  view.step(`simulation without ${name}`);
  const startMs = performance.now();
  const fleet = await Fleet.start(changes);
  try {
    const { failures } = await fleet.run({ from: 1, count: seedsMax, stopAtFailure: true });
    const [first] = failures;
    const failure = first ? `${first.invariant}: ${first.message}` : `none in ${seedsMax} seeds`;
    return {
      ...surroundings(),
      protection: name,
      shownBy: first ? `simulation, seed ${first.seed}` : 'simulation',
      failed: first !== undefined && breaks.test(failure),
      failure,
      durationMs: Math.round(performance.now() - startMs),
    };
  } finally {
    fleet.close();
  }
}

async function runCanary(
  protection: Protection,
  { row, title, failsWith }: ShownByScenario,
  seed: number,
  view: View,
): Promise<CanaryReport> {
  const { name, changes } = protection;
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
  const outDir = join(folder, 'dist');
  buildInto({ outDir, keepFailPoints: true, replacements: changes });
  return join(outDir, 'main.js');
}
