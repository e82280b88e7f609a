/** What `npm run simulate` shows: a moving line on a terminal, JSON lines in a pipe. */
import logUpdate from 'log-update';
import { outColour as pc } from '../../src/commands/colour.ts';
import { formatCount, humanDurationMs } from '../../src/lib/units.ts';
import type { Tally } from './orders.ts';

const JSON_PROGRESS_MS = 10_000;
const BAR_CELLS = 24;
const HOUR_MS = 3_600_000;

export interface View {
  line(text: string): void;
  problem(text: string): void;
  progress(sum: Readonly<Tally>, total: number, elapsedMs: number): void;
  ended(sum: Readonly<Tally>, elapsedMs: number): void;
}

export function makeView(json: boolean): View {
  return json || process.stdout.isTTY !== true ? jsonView() : terminalView();
}

function figures({ histories, simulatedMs, steps, lives, failures }: Tally, elapsedMs: number) {
  return {
    histories,
    failures: failures.length,
    simulatedHours: Math.round((simulatedMs / HOUR_MS) * 100) / 100,
    steps,
    lives,
    historiesPerSecond: Math.round((histories * 1000) / elapsedMs),
  };
}

function jsonView(): View {
  const write = (code: string, fields: object) =>
    process.stdout.write(`${JSON.stringify({ code, ...fields })}\n`);
  let toldMs = 0;
  return {
    line: (message) => write('line', { message }),
    problem: (message) => write('problem', { message }),
    progress: (sum, total, elapsedMs) => {
      if (elapsedMs - toldMs < JSON_PROGRESS_MS) return;
      toldMs = elapsedMs;
      write('progress', { total, ...figures(sum, elapsedMs) });
    },
    ended: (sum, elapsedMs) => write('ended', figures(sum, elapsedMs)),
  };
}

function terminalView(): View {
  const above = (text: string) => {
    logUpdate.clear();
    process.stdout.write(`${text}\n`);
  };
  const told = (sum: Tally, elapsedMs: number) => {
    const { histories, failures, simulatedHours, historiesPerSecond } = figures(sum, elapsedMs);
    return [
      `${formatCount(histories)} histories`,
      `${simulatedHours} simulated hours`,
      `${historiesPerSecond}/s`,
      failures === 0 ? pc.green('0 wrong') : pc.red(`${failures} wrong`),
    ].join(pc.dim(' | '));
  };
  return {
    line: above,
    problem: (text) => above(pc.red(text)),
    progress: (sum, total, elapsedMs) => {
      const share = sum.histories / total;
      const cells = Math.round(share * BAR_CELLS);
      const bar = `${'█'.repeat(cells)}${pc.dim('░'.repeat(BAR_CELLS - cells))}`;
      const left = humanDurationMs(elapsedMs * (1 / share - 1));
      logUpdate(`${bar} ${told(sum, elapsedMs)}${pc.dim(` | ${left} left`)}`);
    },
    ended: (sum, elapsedMs) => above(`${told(sum, elapsedMs)} in ${humanDurationMs(elapsedMs)}`),
  };
}
