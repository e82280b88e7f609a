/** The one place where time is read. Pure code takes its results as arguments. */
export interface Clock {
  /** Wall clock, milliseconds since the epoch. */
  now(): number;
  /** Monotonic milliseconds from an arbitrary start; never steps back. */
  monotonicMs(): number;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
};

/** Milliseconds since the epoch by a clock that never steps; alike in all threads of a process. */
export function steadyEpochMs(): number {
  return performance.timeOrigin + performance.now();
}

export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done, { once: true });
  });
}

/**
 * Waits for the work, but no longer than until the signal is aborted; how the work then ends is of
 * no more interest.
 *
 * @returns whether the work came to its end
 */
export function endsBefore(work: Promise<unknown>, signal: AbortSignal): Promise<boolean> {
  return new Promise<boolean>((resolve, reject) => {
    const stop = () => resolve(false);
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    work.then(() => resolve(true), reject).finally(() => signal.removeEventListener('abort', stop));
  });
}

/** The same with a limit of time. */
export async function endsWithin(work: Promise<unknown>, limitMs: number): Promise<boolean> {
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), limitMs);
  try {
    return await endsBefore(work, limit.signal);
  } finally {
    clearTimeout(timer);
  }
}
