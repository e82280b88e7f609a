/** What the runner shows: lines and a moving count on a terminal, JSON lines in a pipe. */
import Table from 'cli-table3';
import logUpdate from 'log-update';
import pc from 'picocolors';
import { humanDurationMs } from '../../src/lib/units.ts';
import { type CanaryReport, type ScenarioResult, valueText } from './report.ts';

export interface View {
  step(text: string): void;
  started(name: string): void;
  progress(name: string, text: string): void;
  ended(result: ScenarioResult): void;
  problem(text: string): void;
  end(results: readonly ScenarioResult[], passed: boolean): void;
  canary(result: CanaryReport): void;
  endOfCanaries(results: readonly CanaryReport[], passed: boolean): void;
}

export function makeView(json: boolean): View {
  return json || process.stdout.isTTY !== true ? jsonView() : terminalView();
}

function jsonView(): View {
  const line = (code: string, fields: object) =>
    process.stdout.write(`${JSON.stringify({ code, ...fields })}\n`);
  return {
    step: (message) => line('step', { message }),
    started: (scenario) => line('started', { scenario }),
    progress: (scenario, progress) => line('progress', { scenario, progress }),
    ended: (result) => line('scenario', result),
    problem: (message) => line('problem', { message }),
    end: (results, passed) => line('end', { passed, scenarios: results.length }),
    canary: (result) => line('canary', result),
    endOfCanaries: (results, passed) => line('end', { passed, canaries: results.length }),
  };
}

function terminalView(): View {
  const above = (text: string) => {
    logUpdate.clear();
    process.stdout.write(`${text}\n`);
  };
  return {
    step: (text) => above(pc.dim(`· ${text}`)),
    started: (name) => logUpdate(`${pc.cyan('…')} ${name}`),
    progress: (name, text) => logUpdate(`${pc.cyan('…')} ${name} ${pc.dim(text)}`),
    ended: ({ row, title, passed, durationMs, figures, failure }) => {
      const mark = passed ? pc.green('held  ') : pc.red('FAILED');
      const told = figures.map(({ name, value, unit }) => `${name} ${valueText(value)} ${unit}`);
      above(`${mark} ${row} ${title} ${pc.dim(humanDurationMs(durationMs))}`);
      for (const figure of told) above(pc.dim(`         ${figure.trimEnd()}`));
      if (failure !== undefined) above(failure.replace(/^/gm, '         '));
    },
    problem: (text) => above(`${pc.red('error:')} ${text}`),
    end: (results, passed) => {
      logUpdate.clear();
      const table = new Table({ head: ['row', 'scenario', 'what must hold', '', 'time'] });
      for (const { row, title, invariant, passed, durationMs } of results) {
        const verdict = passed ? pc.green('held') : pc.red('FAILED');
        table.push([row, title, invariant, verdict, humanDurationMs(durationMs)]);
      }
      process.stdout.write(`${table}\n${passed ? pc.green('all held') : pc.red('failed')}\n`);
    },
    canary: ({ protection, shownBy, failed, failure, durationMs }) => {
      const mark = failed ? pc.green('noticed    ') : pc.red('NOT NOTICED');
      above(`${mark} ${protection}, by ${shownBy} ${pc.dim(humanDurationMs(durationMs))}`);
      above(pc.dim(failure.replace(/^/gm, '            ')));
    },
    endOfCanaries: (results, passed) => {
      const noticed = results.filter(({ failed }) => failed).length;
      const colour = passed ? pc.green : pc.red;
      above(colour(`${noticed} of ${results.length} missing protections were noticed`));
    },
  };
}
