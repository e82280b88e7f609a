/**
 * The entry of a reading process. One task at a time, told and answered by messages. Processes and
 * not threads, since node-rdkafka cannot be loaded in a worker thread.
 */
import {
  type ReadResult,
  type ReadTask,
  runReadTask,
  type TaskFailure,
  toFailure,
} from './read-task.ts';

export type FromReader =
  | { readonly kind: 'progress'; readonly offset: number }
  | { readonly kind: 'done'; readonly result: ReadResult }
  | { readonly kind: 'failed'; readonly failure: TaskFailure };

const PROGRESS_EVERY = 5000;

// Records that are no JSON would each pay for a stack trace that nobody reads.
Error.stackTraceLimit = 0;
// The parent has gone: nobody would take the findings.
process.on('disconnect', () => process.exit(1));
// Ctrl+C reaches the whole group; what becomes of the work is the parent's to say.
process.on('SIGINT', () => {});

process.on('message', (task: ReadTask) => {
  let records = 0;
  const onRecord = (offset: number) => {
    if (++records % PROGRESS_EVERY === 0) send({ kind: 'progress', offset });
  };
  runReadTask(task, onRecord).then(
    (result) => send({ kind: 'done', result }),
    (error) => send({ kind: 'failed', failure: toFailure(error) }),
  );
});

function send(message: FromReader): void {
  process.send?.(message);
}
