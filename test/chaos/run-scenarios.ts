/** One vitest run over the scenarios of some rows. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startVitest } from 'vitest/node';
import { type Replacement, ROOT, replaced } from '../../scripts/build.ts';
import { ChaosReporter } from './reporter.ts';
import type { ChaosSettings } from './scenario.ts';
import type { View } from './view.ts';

/** A full run is measured, so that it has the machine for itself; a short one mostly waits. */
const SHORT_AT_ONCE = 3;

export interface ScenarioRun extends ChaosSettings {
  readonly rows: readonly number[];
  /** Only scenarios whose title begins so. */
  readonly title?: string | undefined;
  /** Made in what scenarios load of src themselves. */
  readonly changes?: readonly Replacement[];
}

export async function runScenarios(run: ScenarioRun, view: View): Promise<ChaosReporter> {
  const { rows, title, changes = [], isShort, seed, engineMain } = run;
  const reporter = new ChaosReporter(view);
  const vitest = await startVitest(
    'test',
    rows.map((row) => `scenarios/${String(row).padStart(2, '0')}-`),
    {
      config: join(import.meta.dirname, 'vitest.config.ts'),
      watch: false,
      ...(isShort ? { fileParallelism: true, maxWorkers: SHORT_AT_ONCE } : {}),
      reporters: [reporter],
      provide: { chaos: { isShort, seed, engineMain } },
      ...(title === undefined ? {} : { testNamePattern: `^\\d+ ${title}` }),
    },
    { plugins: [{ name: 'changes', enforce: 'pre', load: (id) => changed(id, changes) }] },
  );
  await vitest.close();
  return reporter;
}

function changed(id: string, changes: readonly Replacement[]): string | null {
  const own = changes.filter(({ file }) => join(ROOT, file) === id);
  return own.length === 0 ? null : replaced(readFileSync(id, 'utf8'), own);
}
