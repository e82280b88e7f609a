import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { LoadView } from '../../../src/commands/load-view.ts';
import type { Shell } from '../../../src/commands/shell.ts';
import { oracleOf } from '../../../src/load/oracle-file.ts';

const LOAD = {
  profile: 'constant',
  topic: 'vendas',
  brokers: 'localhost:9092',
  rate: 1000,
  durationMs: 60_000,
  seed: 7,
  format: 'json',
};
const STATUS = {
  elapsedMs: 1000.4,
  phase: 'constant',
  targetRate: 1000,
  total: 60_000,
  made: 1010,
  acknowledged: 1000,
  bytes: 140_000,
  lagMs: 12.3,
  lagMsMax: 40,
  troubles: 0,
};
const RULES = {
  windowMs: 60_000,
  watermarkDelayMs: 120_000,
  futureToleranceMs: 300_000,
  timeZone: 'UTC',
  maxCategories: 10_000,
  late: 'reject',
} as const;

function view(json: boolean) {
  const out = new PassThrough();
  const err = new PassThrough();
  const shell = { out, err, json, signal: new AbortController().signal } as never as Shell;
  const text = () => String(out.read() ?? '');
  return { view: new LoadView(shell, LOAD), text, lines: () => text().trim().split('\n') };
}

describe('the lines of a load in a pipe', () => {
  it('say what it does, its rate since the line before, and how it stands', () => {
    const { view: shown, lines } = view(true);
    shown.started(3, 2, 60_000);
    shown.show(STATUS, null);
    shown.show({ ...STATUS, elapsedMs: 2000.4, acknowledged: 2500 }, null);
    const [started, first, second] = lines().map((line) => JSON.parse(line));
    expect(started).toMatchObject({ code: 'load-started', partitions: 3, threads: 2, seed: 7 });
    expect(first).toMatchObject({ code: 'load', acknowledged: 1000, elapsedMs: 1000, lagMs: 12 });
    expect(second).toMatchObject({ rate: 1500, targetRate: 1000 });
  });

  it('end with what must come out, and whether the rate was kept', () => {
    const { view: shown, lines } = view(true);
    const oracle = oracleOf('vendas', RULES, [], 0);
    shown.done({ ...STATUS, made: 60_000 }, { ...oracle, acknowledged: 60_000 }, '/tmp/o.json');
    shown.done({ ...STATUS, made: 60_000, lagMsMax: 1001 }, oracle, 'off');
    shown.done(STATUS, oracle, 'off');
    const [kept, behind, stopped] = lines().map((line) => JSON.parse(line));
    expect(kept).toMatchObject({ code: 'done', held: true, oracle: { file: '/tmp/o.json' } });
    expect(behind).toMatchObject({ held: false, oracle: { file: null } });
    expect(stopped).toMatchObject({ held: false });
  });
});

it('a load that falls behind says so once, and again when it has caught up', () => {
  const { view: shown } = view(true);
  const at = (lagMs: number) => shown.show({ ...STATUS, lagMs }, null)?.code;
  expect([10, 999, 1001, 5000, 300, 200, 100, 1500].map(at)).toEqual([
    ...[undefined, undefined, 'load-behind', undefined, undefined, 'load-caught-up'],
    ...[undefined, 'load-behind'],
  ]);
});

it('the table at the end shows money and counts as people read them', () => {
  const { view: shown, text } = view(false);
  const oracle = oracleOf('vendas', RULES, [], 0);
  const totais = [{ centavos: '123456789', volume_vendas: 1234 }] as never;
  shown.done(STATUS, { ...oracle, contadas: 1234, totais, rejeitadas: { late: 12 } }, 'off');
  const table = text();
  expect(table).toContain('1,234, R$ 1.234.567,89');
  expect(table).toMatch(/to be rejected: late +│ 12/);
  expect(table).toMatch(/rate kept +│ no/);
});
