/**
 * Reading processes: each takes one partition after the other, the largest first. A process that
 * dies or fails ends the whole verification, since a part of the log would be missing.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { VendavalError } from '../lib/errors.ts';
import type { ReadResult, ReadTask } from './read-task.ts';
import type { FromReader } from './reader-process.ts';

const ENTRY = fileURLToPath(new URL('./reader-process.js', import.meta.url));
const SHOWN_STDERR = 500;
/** Fewer records than this are read by the time that another process has started. */
const RECORDS_PER_PROCESS_MIN = 100_000;

export interface ReadProgress {
  /** Offsets passed by now, over all tasks: as many as records, but for gaps in the log. */
  readonly passed: number;
  readonly total: number;
}

/**
 * @param processes how many at once; 0 lets up to two partitions share a core, so that no core is
 *   idle while one last partition is read
 * @param onProgress is called now and then
 */
export async function readAll(
  tasks: readonly ReadTask[],
  processes: number,
  signal: AbortSignal,
  onProgress: (progress: ReadProgress) => void,
): Promise<ReadResult[]> {
  const pool = new ReaderPool(tasks, onProgress);
  const worthIt = Math.max(1, Math.ceil(pool.total / RECORDS_PER_PROCESS_MIN));
  const count = Math.min(tasks.length, worthIt, processes || 2 * availableParallelism());
  try {
    await pool.run(count, signal);
    return pool.results;
  } finally {
    pool.close();
  }
}

const sizeOf = ({ section }: ReadTask) => Math.max(0, section.to - section.from);

class ReaderPool {
  readonly results: ReadResult[] = [];
  readonly #waiting: ReadTask[];
  readonly #children: ChildProcess[] = [];
  readonly #onProgress: (progress: ReadProgress) => void;
  readonly total: number;
  /** Offsets of tasks that are done. */
  #done = 0;
  readonly #running = new Map<ReadTask, number>();

  constructor(tasks: readonly ReadTask[], onProgress: (progress: ReadProgress) => void) {
    this.#waiting = [...tasks].sort((a, b) => sizeOf(b) - sizeOf(a));
    this.#onProgress = onProgress;
    this.total = tasks.reduce((sum, task) => sum + sizeOf(task), 0);
  }

  async run(count: number, signal: AbortSignal): Promise<void> {
    const stopped = new Promise<never>((_, reject) => {
      const stop = () => reject(stoppedError());
      if (signal.aborted) stop();
      else signal.addEventListener('abort', stop, { once: true });
    });
    const readers = Array.from({ length: count }, () => this.#reader());
    await Promise.race([Promise.all(readers), stopped]);
  }

  close(): void {
    for (const child of this.#children) child.kill('SIGKILL');
  }

  /** One process, until no task waits. */
  async #reader(): Promise<void> {
    const child = fork(ENTRY, {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#children.push(child);
    for (;;) {
      const task = this.#waiting.shift();
      if (!task) break;
      this.results.push(await this.#runTask(child, task));
      this.#running.delete(task);
      this.#done += sizeOf(task);
      this.#report();
    }
    child.kill('SIGKILL');
  }

  #runTask(child: ChildProcess, task: ReadTask): Promise<ReadResult> {
    return new Promise((resolve, reject) => {
      let stderr = '';
      const onStderr = (chunk: Buffer) => {
        stderr = (stderr + chunk.toString('utf8')).slice(-SHOWN_STDERR);
      };
      const onExit = (code: number | null, signalName: string | null) =>
        reject(diedError(`${code ?? signalName}`, stderr.trim()));
      const onError = (error: Error) => reject(diedError(error.message, ''));
      const onMessage = (message: FromReader) => {
        if (message.kind === 'progress') {
          this.#running.set(task, message.offset - task.section.from);
          this.#report();
          return;
        }
        child.off('exit', onExit).off('error', onError).off('message', onMessage);
        child.stderr?.off('data', onStderr);
        if (message.kind === 'failed') return reject(failureError(message.failure));
        resolve(message.result);
      };
      child.on('exit', onExit).on('error', onError).on('message', onMessage);
      child.stderr?.on('data', onStderr);
      child.send(task);
    });
  }

  #report(): void {
    const running = [...this.#running.values()].reduce((sum, offsets) => sum + offsets, 0);
    this.#onProgress({ passed: this.#done + running, total: this.total });
  }
}

function failureError({ code, message, hint }: { code: string; message: string; hint?: string }) {
  return new VendavalError(message, { code, ...(hint === undefined ? {} : { hint }) });
}

function stoppedError(): VendavalError {
  return new VendavalError('stopped before everything was compared: there is no verdict', {
    code: 'E_VERIFY_STOPPED',
  });
}

function diedError(how: string, stderr: string): VendavalError {
  return new VendavalError(`a reading process ended with ${how}${stderr && `: ${stderr}`}`, {
    code: 'E_VERIFY_READER',
    hint: 'Verify again; with less memory to spare, --threads 1 reads one partition at a time.',
  });
}
