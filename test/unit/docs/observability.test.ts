import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parse } from 'yaml';
import { CHECKPOINT_STEPS } from '../../../src/coordinator/checkpoint-report.ts';
import type { EngineStatus } from '../../../src/coordinator/engine-events.ts';
import { Metrics } from '../../../src/dashboard/metrics.ts';

const folder = new URL('../../../docker/observability/', import.meta.url);
const read = (name: string) => readFileSync(new URL(name, folder), 'utf8');

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly description: string };
}

const rules: Rule[] = parse(read('alerts.yml')).groups.flatMap(
  (group: { rules: Rule[] }) => group.rules,
);
const dashboard = JSON.parse(read('grafana-dashboard.json'));
/** What the reader has chosen in the dashboard. */
const CHOSEN_SOURCE = /^\$\{datasource\}$/;

interface Asking {
  readonly datasource: { readonly uid: string };
}
interface Target extends Asking {
  readonly expr: string;
  readonly legendFormat?: string;
}
const panels: (Asking & { title: string; targets: Target[] })[] = dashboard.panels;

/** Everything that a scrape names, of an engine that reads two partitions. */
async function exposedNames(): Promise<Set<string>> {
  const partition = {
    ...{ state: 'fetching', nextOffset: 5, endOffset: 9, durableOffset: 5, lag: 4, counted: 5 },
    ...{ openTransactionAt: null, atEnd: false, rejected: 0, bytesRead: 1, reconnects: 0 },
    ...{ rejectedByReason: {}, durableCounted: 5, newestRecordMs: 1, leader: 'k:9092' },
    sharedBytes: 1,
  };
  const time = { maxEventMs: 1, closingWatermarkMs: 1, atEnd: false };
  const status = {
    ...{ state: 'running', problem: null, partitionCount: 2, watermarkMs: 1, checkpoints: 1 },
    partitions: [0, 1].map((one) => ({ ...partition, partition: one })),
    hold: { kind: 'slowest', partition: 1 },
    times: [0, 1].map((one) => ({ ...time, partition: one })),
    ...{ cluster: null, lastCheckpointMs: 1, windowsClosed: 0 },
  } as unknown as EngineStatus;
  const metrics = new Metrics({
    settings: { topic: 't', group: 'g', windowMs: 1, watermarkDelayMs: 1 } as never,
    version: '1',
    status: () => status,
    viewers: () => 0,
  });
  metrics.event({ level: 'warn', code: 'E_FETCH', message: '' });
  const stepMs = Object.fromEntries(CHECKPOINT_STEPS.map((step) => [step, 1])) as never;
  const arrivals = [{ partition: 0, records: 3, oldestMs: 1, newestMs: 2 }];
  metrics.checkpoint({
    ...{ durableAtMs: 10, durationMs: 5, stepMs, registers: 1, arrivals, letters: [] },
  });
  const lines = (await metrics.text()).split('\n').filter((line) => line && !line.startsWith('#'));
  return new Set(lines.map((line) => /^[a-zA-Z_:][a-zA-Z0-9_:]*/.exec(line)![0]));
}

/** Names of series in an expression: what stands before a brace, a range, or on its own. */
function namesIn(expr: string): string[] {
  const bare = expr
    .replace(/"[^"]*"/g, '')
    .replace(/\{[^}]*\}/g, '')
    .replace(/\b(?:by|on|without|ignoring) \([^)]*\)/g, '');
  return [...bare.matchAll(/\b(?:vendaval|kafka|process|nodejs)_\w+/g)].map(([name]) => name);
}

describe('alert rules and dashboard', () => {
  it('ask only for series that the engine exposes', async () => {
    const exposed = await exposedNames();
    const asked = [
      ...rules.map(({ expr }) => expr),
      ...panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
      String(dashboard.templating.list[1].definition),
    ].flatMap(namesIn);
    expect(asked.length).toBeGreaterThan(30);
    expect([...new Set(asked)].filter((name) => !exposed.has(name))).toEqual([]);
  });

  it('say for each alert what is wrong, what to do, and how soon', () => {
    for (const { alert, labels, annotations } of rules) {
      expect(['page', 'ticket'], alert).toContain(labels.severity);
      expect(annotations.summary.length, alert).toBeGreaterThan(10);
      expect(annotations.description.length, alert).toBeGreaterThan(20);
    }
  });

  it('test each alert both ways: one case in which it fires, and one in which it does not', () => {
    const cases: { alertname: string; exp_alerts?: unknown[] }[] = parse(
      read('alerts.test.yml'),
    ).tests.flatMap((one: { alert_rule_test: unknown[] }) => one.alert_rule_test);
    const names = (fires: boolean) =>
      new Set(
        cases.filter((one) => (one.exp_alerts !== undefined) === fires).map((c) => c.alertname),
      );
    const all = new Set(rules.map(({ alert }) => alert));
    expect(names(true)).toEqual(all);
    expect(names(false)).toEqual(all);
  });

  const hasPromtool = spawnSync('promtool', ['--version']).error === undefined;

  // .ci/run installs it; on a machine without it, the cases above still hold the names.
  it.skipIf(!hasPromtool)("are all of Prometheus' language, the dashboard's too", () => {
    const own = mkdtempSync(join(tmpdir(), 'vendaval-rules-'));
    onTestFinished(() => rmSync(own, { recursive: true, force: true }));
    const expressions = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
    const records = expressions.map((expr, i) => ({ record: `panel_${i}`, expr }));
    const check = (all: object[]) => {
      const file = join(own, 'rules.yml');
      writeFileSync(file, JSON.stringify({ groups: [{ name: 'dashboard', rules: all }] }));
      return spawnSync('promtool', ['check', 'rules', file], { encoding: 'utf8' });
    };
    expect(check(records)).toMatchObject({ status: 0, stderr: '' });
    expect(check([...records, { record: 'bad', expr: 'sum(rate(x[1m])' }]).status).not.toBe(0);
  });

  it('show in a panel only what its query has, and ask the data source that is chosen', () => {
    for (const { title, datasource, targets } of panels) {
      expect(datasource.uid, title).toMatch(CHOSEN_SOURCE);
      for (const target of targets) {
        expect(target.datasource.uid, title).toMatch(CHOSEN_SOURCE);
        const labels = [...(target.legendFormat ?? '').matchAll(/\{\{\s*(\w+)\s*\}\}/g)];
        for (const [, label] of labels) {
          const grouped = /\bby \(([^)]*)\)/.exec(target.expr)?.[1].split(/,\s*/);
          expect(grouped ?? ['instance'], `${title}: ${target.expr}`).toContain(label);
        }
      }
    }
  });

  it.skipIf(!hasPromtool)('fire as their cases say, in promtool', () => {
    for (const [kind, file] of [
      ['check', 'alerts.yml'],
      ['test', 'alerts.test.yml'],
    ]) {
      execFileSync('promtool', [kind, 'rules', fileURLToPath(new URL(file, folder))], {
        stdio: 'pipe',
      });
    }
  });
});
