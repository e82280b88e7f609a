/** `vendaval engine`: wires the engine to the terminal and the signals. */
import { hostname } from 'node:os';
import logUpdate from 'log-update';
import type { Settings } from '../config/options.ts';
import { Engine } from '../coordinator/engine.ts';
import type { EngineStatus, PartitionStatus } from '../coordinator/engine-events.ts';
import { kafkaAndThreads } from '../coordinator/outside.ts';
import type { RunSummary } from '../coordinator/run-tally.ts';
import { formatCount, humanDurationMs } from '../lib/units.ts';
import { outColour as pc } from './colour.ts';
import { LivePage } from './live-page.ts';
import { eventWriter, type Shell } from './shell.ts';
import { openDatabase, openTopics } from './startup.ts';
import { describeHold } from './watermark-text.ts';

const STATUS_MS = 1000;
/** In a pipe a status line is for logs, not for watching. */
const JSON_STATUS_MS = 10_000;

export interface EngineCommandOptions {
  readonly untilEnd: boolean;
}

export async function runEngine(
  settings: Settings,
  options: EngineCommandOptions,
  shell: Shell,
): Promise<void> {
  const view = new StatusView(shell);
  const onEvent = eventWriter(shell, (line) => view.above(line));
  const startedMs = performance.now();
  const mongo = await openDatabase(settings, shell.signal, onEvent);
  let timer: NodeJS.Timeout | undefined;
  let page: LivePage | undefined;
  try {
    await openTopics(settings, shell.signal, onEvent);
    const owner = `${hostname()}/${process.pid}`;
    page = await LivePage.make({ settings, mongo, owner, status: () => engine.status(), onEvent });
    const engine = new Engine({
      settings,
      mongo,
      outside: kafkaAndThreads(settings),
      owner,
      untilEnd: options.untilEnd,
      onEvent: page.onEvent,
      onCheckpoint: page.onCheckpoint,
    });
    shell.signal.addEventListener('abort', () => engine.stop(), { once: true });
    if (shell.signal.aborted) return;
    await page.open();
    timer = setInterval(() => view.show(engine.status()), shell.json ? JSON_STATUS_MS : STATUS_MS);
    onEvent({
      level: 'info',
      code: 'engine-started',
      message: `${settings.topic} to ${settings.database}.${settings.collection}, as ${owner}`,
    });
    view.done(await engine.run(), performance.now() - startedMs);
  } finally {
    clearInterval(timer);
    view.close();
    await page?.close();
    await mongo.close();
  }
}

const sum = (numbers: number[]) => numbers.reduce((total, number) => total + number, 0);

/** Why a lag stays: records behind an open transaction must not be read. */
function heldText(partitions: readonly PartitionStatus[]): string {
  const held = partitions.find((partition) => partition.openTransactionAt !== null);
  if (!held) return '';
  return `, partition ${held.partition} behind a transaction open at ${held.openTransactionAt}`;
}

/** One line at the bottom of the terminal, or a JSON line now and then. */
class StatusView {
  readonly #shell: Shell;
  #lastCounted = -1;
  #lastMs = 0;
  #line = '';

  constructor(shell: Shell) {
    this.#shell = shell;
  }

  /** Writes a line above the status line. */
  above(line: string): void {
    if (this.#line) logUpdate.clear();
    this.#shell.err.write(`${line}\n`);
    if (this.#line) logUpdate(this.#line);
  }

  show(status: EngineStatus): void {
    if (this.#shell.json) return this.#json('status', status);
    const counted = sum(status.partitions.map((p) => p.counted + p.rejected));
    const nowMs = performance.now();
    const rate =
      this.#lastCounted < 0 ? 0 : ((counted - this.#lastCounted) * 1000) / (nowMs - this.#lastMs);
    this.#lastCounted = counted;
    this.#lastMs = nowMs;
    const behind =
      status.watermarkMs === null
        ? ''
        : `, ${humanDurationMs(Date.now() - status.watermarkMs)} behind`;
    const colour = status.state === 'running' ? pc.green : pc.yellow;
    this.#line = [
      colour(status.state),
      `${formatCount(Math.max(0, rate))} sales/s`,
      `${formatCount(counted)} read`,
      `lag ${formatCount(sum(status.partitions.map((p) => p.lag)))}${heldText(status.partitions)}`,
      `watermark ${describeHold(status.hold)}${behind}`,
      `checkpoint ${humanDurationMs(status.lastCheckpointMs)}`,
    ].join(pc.dim(' | '));
    logUpdate(this.#line);
  }

  done(summary: RunSummary, wholeMs: number): void {
    if (this.#shell.json) return this.#json('done', { ...summary, wholeMs: Math.round(wholeMs) });
    this.above(
      `${pc.green('done')}  ${formatCount(summary.counted)} counted, ` +
        `${formatCount(summary.rejected)} rejected, ${summary.windowsClosed} totals closed, ` +
        `in ${humanDurationMs(wholeMs)}`,
    );
  }

  #json(code: string, fields: object): void {
    const time = new Date().toISOString();
    this.#shell.out.write(`${JSON.stringify({ level: 30, time, code, ...fields })}\n`);
  }

  close(): void {
    if (this.#line) logUpdate.done();
    this.#line = '';
  }
}
