/**
 * `npm run chaos`: every fault of the table against the engine, each with its figure.
 *
 *     npm run chaos                        all rows at full count; writes docs/FAULTS-REPORT.md
 *     npm run chaos -- --short             the same with small counts, as CI does; writes nothing
 *     npm run chaos -- --row 1,8 --report  these rows; the others stay in the report as they were
 *     npm run chaos -- --seed 42           the choices of another run again
 *     npm run chaos -- --canaries          each protection taken out must be noticed
 *     npm run chaos -- --json              JSON lines, as in a pipe
 *
 * Exit code: 0 when all held, 1 when something failed, 2 when the arguments say nothing to run.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { buildInto, ROOT } from '../../scripts/build.ts';
import { runCanaries } from './canaries.ts';
import { PROTECTIONS } from './protections.ts';
import { merged, type Report, type RowReport, readReport, writeReport } from './report.ts';
import { runScenarios } from './run-scenarios.ts';
import { surroundings } from './surroundings.ts';
import { makeView } from './view.ts';

const ENGINE = join(ROOT, 'dist-test');
const USAGE = 2;

const { values } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
    row: { type: 'string' },
    seed: { type: 'string' },
    canaries: { type: 'boolean', default: false },
    protection: { type: 'string' },
    report: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed);
const isShort = values.short;
const view = makeView(values.json);

function usage(problem: string, hint: string): never {
  process.stderr.write(`error: ${problem}\nhint:  ${hint}\n`);
  process.exit(USAGE);
}

/** Row numbers that have scenarios. */
function existingRows(): number[] {
  const names = readdirSync(join(import.meta.dirname, 'scenarios')).sort();
  const rows = names
    .filter((name) => /^\d\d-.*\.chaos\.ts$/.test(name))
    .map((name) => Number.parseInt(name, 10));
  return [...new Set(rows)];
}

function chosenRows(): number[] {
  const existing = existingRows();
  if (values.row === undefined) return existing;
  const rows = values.row.split(',').map(Number);
  const unknown = rows.filter((row) => !existing.includes(row));
  if (unknown.length > 0) {
    usage(`no scenario for row ${unknown.join(', ')}`, `there are ${existing.join(', ')}`);
  }
  return rows;
}

async function faults(): Promise<boolean> {
  const rows = chosenRows();
  view.step('building the engine with its fail points');
  buildInto({ outDir: ENGINE, keepFailPoints: true });
  const engineMain = join(ENGINE, 'main.js');
  const { results, problems } = await runScenarios({ rows, isShort, seed, engineMain }, view);
  const silent = rows.filter((row) => !results.some((result) => result.row === row));
  problems.push(...silent.map((row) => `row ${row} reported nothing`));
  for (const problem of problems) view.problem(problem);
  const around = surroundings();
  const scale = isShort ? 'short' : 'full';
  const ran = rows.map((row): RowReport => {
    const scenarios = results.filter((result) => result.row === row);
    return { row, scale, ...around, scenarios };
  });
  const isFull = !isShort && values.row === undefined;
  if (problems.length === 0) report({ rows: ran, canaries: [] }, isFull);
  const passed = problems.length === 0 && results.every((result) => result.passed);
  view.end(results, passed);
  return passed;
}

async function canaries(): Promise<boolean> {
  const { protection: wanted } = values;
  const chosen = PROTECTIONS.filter(({ name }) => wanted === undefined || name.includes(wanted));
  if (chosen.length === 0) {
    usage(`no protection is called ${wanted}`, PROTECTIONS.map(({ name }) => name).join('; '));
  }
  const results = await runCanaries(chosen, seed, view);
  report({ rows: [], canaries: results }, wanted === undefined);
  const passed = results.every(({ failed }) => failed);
  view.endOfCanaries(results, passed);
  return passed;
}

function report(ran: Report, isWhole: boolean): void {
  if (!isWhole && !values.report) return;
  writeReport(merged(readReport(), ran));
  view.step('wrote docs/FAULTS-REPORT.md and docs/faults-report.json');
}

view.step(`seed ${seed}${isShort ? ', short' : ''}`);
const passed = values.canaries ? await canaries() : await faults();
process.exitCode = passed ? 0 : 1;
