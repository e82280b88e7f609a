/**
 * `npm run chaos`: every fault of the table against the engine, each with its figure.
 *
 *     npm run chaos                        all rows at full count; writes docs/FAULTS-REPORT.md
 *     npm run chaos -- --short             the same with small counts, as CI does; writes nothing
 *     npm run chaos -- --row 1,8 --report  these rows; the others stay in the report as they were
 *     npm run chaos -- --seed 42           the choices of another run again
 *     npm run chaos -- --json              JSON lines, as in a pipe
 *
 * Exit code: 0 when all held, 1 when something failed, 2 when the arguments say nothing to run.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startVitest } from 'vitest/node';
import { buildInto, ROOT } from '../../scripts/build.ts';
import { merged, type RowReport, readReport, writeReport } from './report.ts';
import { ChaosReporter } from './reporter.ts';
import { surroundings } from './surroundings.ts';
import { makeView, type View } from './view.ts';

const SCENARIOS = join(import.meta.dirname, 'scenarios');
const ENGINE = join(ROOT, 'dist-test');
const USAGE = 2;

const { values } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
    row: { type: 'string' },
    seed: { type: 'string' },
    report: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});

/** Row numbers to scenario files. */
function scenarioFiles(): Map<number, string> {
  const files = readdirSync(SCENARIOS).filter((name) => /^\d\d-.*\.chaos\.ts$/.test(name));
  return new Map(files.sort().map((name) => [Number(name.slice(0, 2)), name]));
}

function chosen(files: ReadonlyMap<number, string>): number[] {
  if (values.row === undefined) return [...files.keys()];
  const rows = values.row.split(',').map(Number);
  const unknown = rows.filter((row) => !files.has(row));
  if (unknown.length === 0) return rows;
  process.stderr.write(
    `error: no scenario for row ${unknown.join(', ')}\nhint:  there are ${[...files.keys()].join(', ')}\n`,
  );
  process.exit(USAGE);
}

async function run(rows: readonly number[], files: ReadonlyMap<number, string>, view: View) {
  const reporter = new ChaosReporter(view);
  const vitest = await startVitest(
    'test',
    rows.map((row) => `scenarios/${files.get(row)}`),
    {
      config: join(import.meta.dirname, 'vitest.config.ts'),
      watch: false,
      reporters: [reporter],
      provide: {
        chaos: { isShort: values.short, seed, engineMain: join(ENGINE, 'main.js') },
      },
    },
  );
  await vitest.close();
  return reporter;
}

const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed);
const files = scenarioFiles();
const rows = chosen(files);
const view = makeView(values.json);
view.step(`seed ${seed}${values.short ? ', short' : ''}`);
view.step('building the engine with its fail points');
buildInto({ outDir: ENGINE, keepFailPoints: true });
const { results, problems } = await run(rows, files, view);

const silent = rows.filter((row) => !results.some((result) => result.row === row));
const isWhole = problems.length === 0 && silent.length === 0;
for (const problem of problems) view.problem(problem);
for (const row of silent) view.problem(`row ${row} reported nothing`);
const passed = isWhole && results.every((result) => result.passed);
const isFullRun = !values.short && values.row === undefined;
if (isWhole && (isFullRun || values.report)) {
  const around = surroundings();
  const scale = values.short ? 'short' : 'full';
  const ran = rows.map((row): RowReport => {
    const scenarios = results.filter((result) => result.row === row);
    return { row, scale, ...around, scenarios };
  });
  writeReport(merged(readReport(), { rows: ran, canaries: [] }));
  view.step('wrote docs/FAULTS-REPORT.md and docs/faults-report.json');
}
view.end(results, passed);
process.exitCode = passed ? 0 : 1;
