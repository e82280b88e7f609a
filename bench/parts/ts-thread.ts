/** Worker threads of the benchmark's own, written in TypeScript. */
import { Worker } from 'node:worker_threads';

/**
 * Resolves with the last message of the script, which gets `task` as workerData.task.
 *
 * @param onMessage gets the ones before
 */
export function runThread<T>(script: URL, task: object, onMessage?: (value: never) => void) {
  return new Promise<T>((resolve, reject) => {
    let last: T;
    let told = false;
    const worker = new Worker(new URL('./ts-thread.mjs', import.meta.url), {
      workerData: { script: script.href, task },
    });
    worker.on('message', (message) => {
      if (told) onMessage?.(last as never);
      last = message;
      told = true;
    });
    worker.on('error', reject);
    worker.on('exit', (code) => {
      if (code === 0 && told) resolve(last);
      else reject(new Error(`${script.pathname} ended with ${code}`));
    });
  });
}
