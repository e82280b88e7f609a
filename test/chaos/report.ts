/**
 * docs/faults-report.json and the Markdown made from it. A run replaces the rows that it ran and
 * leaves the others with their own dates, so that the whole can be run in parts.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../scripts/build.ts';
import { humanDurationMs } from '../../src/lib/units.ts';
import type { Figure } from './scenario.ts';

const HOUR_MS = 3_600_000;
const JSON_FILE = join(ROOT, 'docs/faults-report.json');
const MARKDOWN_FILE = join(ROOT, 'docs/FAULTS-REPORT.md');

export interface ScenarioResult {
  readonly row: number;
  readonly title: string;
  readonly invariant: string;
  readonly seed: number;
  readonly passed: boolean;
  /** Why it failed, with what differed. */
  readonly failure?: string;
  readonly durationMs: number;
  readonly figures: readonly Figure[];
}

export interface Surroundings {
  readonly commit: string;
  /** Git's hash of src: commits with the same one have the same engine. */
  readonly source: string;
  readonly date: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly versions: Readonly<Record<string, string>>;
}

export interface RowReport extends Surroundings {
  readonly row: number;
  readonly scale: 'full' | 'short';
  readonly scenarios: readonly ScenarioResult[];
}

export interface CanaryReport extends Surroundings {
  readonly protection: string;
  readonly shownBy: string;
  /** It must. */
  readonly failed: boolean;
  /** How the failure showed. */
  readonly failure: string;
  readonly durationMs: number;
}

export interface Report {
  readonly rows: readonly RowReport[];
  readonly canaries: readonly CanaryReport[];
}

export function readReport(): Report {
  if (!existsSync(JSON_FILE)) return { rows: [], canaries: [] };
  return JSON.parse(readFileSync(JSON_FILE, 'utf8'));
}

/** The new entries in place of the old ones of the same row or protection. */
export function merged(old: Report, ran: Report): Report {
  const rows = new Map([...old.rows, ...ran.rows].map((entry) => [entry.row, entry]));
  const canaries = new Map(
    [...old.canaries, ...ran.canaries].map((entry) => [canaryKey(entry), entry]),
  );
  return {
    rows: [...rows.values()].sort((a, b) => a.row - b.row),
    canaries: [...canaries.values()].sort((a, b) => canaryKey(a).localeCompare(canaryKey(b))),
  };
}

/** A protection can be shown by a row of faults and by the simulation. */
const canaryKey = ({ protection, shownBy }: CanaryReport) =>
  `${protection}|${shownBy.split(',')[0]}`;

export function writeReport(report: Report): void {
  writeFileSync(JSON_FILE, `${JSON.stringify(report, null, 2)}\n`);
  writeFileSync(MARKDOWN_FILE, markdown(report));
}

export function markdown({ rows, canaries }: Report): string {
  return [
    '# Faults survived',
    '',
    'Made by `npm run chaos` from real runs: a real Kafka broker, a real database, the engine as a',
    'process of its own. Exact means that every document, progress document and dead letter equals',
    'what another client and another, plain implementation make of the topic, to the centavo.',
    '',
    ...summaryText(rows),
    ...rows.flatMap(rowText),
    ...canariesText(canaries),
    ...surroundingsText([...rows, ...canaries]),
  ].join('\n');
}

function summaryText(rows: readonly RowReport[]): string[] {
  const commits = [...new Set(rows.map(({ commit }) => commit))].join(', ');
  const sources = [...new Set(rows.map(({ source }) => source))].join(', ');
  const scenarios = rows.flatMap(({ scenarios }) => scenarios);
  const failed = scenarios.filter(({ passed }) => !passed).length;
  const hours = scenarios.reduce((sum, { durationMs }) => sum + durationMs, 0) / HOUR_MS;
  return [
    `${scenarios.length} scenarios of ${rows.length} rows, ${hours.toFixed(1)} hours: ${scenarios.length - failed} held, ${failed} failed.`,
    `The engine is that of \`src\` ${sources} (\`git rev-parse HEAD:src\`), at commit ${commits}.`,
    'Where the machine had other work, or rows ran side by side, times are longer for it, not shorter.',
    '',
    '| row | scenario | what must hold | |',
    '|---:|---|---|---|',
    ...scenarios.map(
      ({ row, title, invariant, passed }) =>
        `| ${row} | ${title} | ${invariant} | ${passed ? 'held' : '**FAILED**'} |`,
    ),
    '',
  ];
}

function rowText({ row, scale, date, commit, scenarios }: RowReport): string[] {
  const title = scenarios[0]?.title ?? '';
  const short = scale === 'short' ? ', the short version' : '';
  const lines = [`## ${row}: ${title}`, '', `${date}, commit ${commit}${short}.`, ''];
  for (const { title, invariant, seed, passed, failure, durationMs, figures } of scenarios) {
    const verdict = passed ? 'held' : '**FAILED**';
    lines.push(`**${title}**: ${invariant}: ${verdict}, in ${humanDurationMs(durationMs)}`, '');
    if (failure !== undefined) lines.push('```', failure, '```', '');
    if (figures.length > 0) lines.push('| figure | |', '|---|---:|', ...figures.map(figureText));
    lines.push('', `Seed ${seed}.`, '');
  }
  return lines;
}

const figureText = ({ name, value, unit }: Figure) =>
  `| ${name} | ${`${valueText(value)} ${unit}`.trim()} |`;

export function valueText(value: number | string): string {
  if (typeof value === 'string') return value;
  const digits = Math.abs(value) >= 100 || Number.isInteger(value) ? 0 : 2;
  return value.toLocaleString('en-US', { maximumFractionDigits: digits });
}

function canariesText(canaries: readonly CanaryReport[]): string[] {
  if (canaries.length === 0) return [];
  return [
    '## Each protection is needed',
    '',
    'Made by `npm run chaos -- --canaries`: the protection is taken out of the source, and what is',
    'named must then fail.',
    '',
    '| protection taken out | shown by | it failed with |',
    '|---|---|---|',
    ...canaries.map(
      ({ protection, shownBy, failed, failure }) =>
        `| ${protection} | ${shownBy} | ${failed ? cell(failure) : '**it did not fail**'} |`,
    ),
    '',
  ];
}

const cell = (text: string) => text.split('\n')[0].replaceAll('|', '\\|').slice(0, 160);

function surroundingsText(entries: readonly Surroundings[]): string[] {
  const texts = entries.map(({ cpu, cores, memoryGb, versions }) => {
    const named = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
    return `${cores} cores of ${cpu}, ${memoryGb} GB, everything on them; ${named.join(', ')}.`;
  });
  return ['## Where', '', ...[...new Set(texts)].flatMap((text) => [text, ''])];
}
