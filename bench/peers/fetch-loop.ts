/**
 * Our fetch loop without what it is for: the bytes come in as in a worker, batches are stepped
 * over and their records counted, and nothing is checked or read. What the broker, the socket and
 * the copy into the response allow at most. Arguments: brokers, topic, sales (for nothing).
 */
import { availableParallelism } from 'node:os';
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { existingTopic } from '../../src/kafka/metadata.ts';
import { batchEnd, nextFetchOffset } from '../../src/kafka/record-batch.ts';
import { NO_TOPIC_ID } from '../../src/lib/topic-id.ts';
import { FetchSession, responseBuffer } from '../../src/workers/fetch-session.ts';
import { runThread } from '../parts/ts-thread.ts';

/** As the engine asks for with three partitions. */
const FETCH_BYTES = 4 * 1024 * 1024;
const HEAD_BYTES = 64 * 1024;

interface Task {
  readonly topic: string;
  readonly own: readonly { partition: number; host: string; port: number }[];
}

interface Read {
  readonly firstMs: number;
  readonly lastMs: number;
}

const nowMs = () => performance.timeOrigin + performance.now();

async function readPartition(topic: string, place: Task['own'][number]): Promise<Read> {
  const size = FETCH_BYTES + HEAD_BYTES;
  const buffers = [responseBuffer(size), responseBuffer(size)] as const;
  let offset = 0;
  let firstMs = 0;
  let over: (read: Read) => void;
  let fail: (error: unknown) => void;
  const done = new Promise<Read>((resolve, reject) => {
    over = resolve;
    fail = reject;
  });
  const target = { topic, topicId: NO_TOPIC_ID, partition: place.partition, leaderEpoch: -1 };
  const session = await FetchSession.opener(null)(place, { ...target, rack: '' }, buffers, size, {
    fetched: ({ recordsStart, recordsEnd, highWatermark }, { view }) => {
      firstMs ||= nowMs();
      if (batchEnd(view, recordsStart, recordsEnd) < 0 && offset < highWatermark) {
        fail(new Error('a batch does not fit a response'));
      }
      offset = nextFetchOffset(view, recordsStart, recordsEnd, offset);
      if (offset < highWatermark) return session.fetch(offset, FETCH_BYTES);
      session.close();
      over({ firstMs, lastMs: nowMs() });
    },
    closed: (error) => fail(error),
  });
  session.fetch(offset, FETCH_BYTES);
  return done;
}

if (isMainThread) {
  const [brokers, topic] = process.argv.slice(2);
  const metadata = await existingTopic({ brokers, security: null }, topic);
  const places = metadata.partitions.map(({ partition, leaderId }) => {
    const { host, port } = metadata.brokers.get(leaderId)!;
    return { partition, host, port };
  });
  const threads = Math.min(availableParallelism(), places.length);
  const reads = await Promise.all(
    Array.from({ length: threads }, (_, thread) => {
      const own = places.filter((_place, i) => i % threads === thread);
      return runThread<Read[]>(new URL(import.meta.url), { topic, own } satisfies Task);
    }),
  );
  const all = reads.flat();
  const firstMs = Math.min(...all.map((read) => read.firstMs));
  const lastMs = Math.max(...all.map((read) => read.lastMs));
  console.log(JSON.stringify({ code: 'done', readingMs: lastMs - firstMs, hash: null }));
} else {
  const { topic, own } = workerData.task as Task;
  parentPort!.postMessage(await Promise.all(own.map((place) => readPartition(topic, place))));
}
