/** What lies in a partition, batch by batch, as its broker has it and no client's records show it. */
import { topicMetadata } from '../../src/kafka/metadata.ts';
import { BatchHead, batchEnd, CODECS } from '../../src/kafka/record-batch.ts';
import {
  FetchSession,
  type LeaseSession,
  responseBuffer,
} from '../../src/workers/fetch-session.ts';
import { plainAccess } from './plain-access.ts';

const FETCH_BYTES = 8_000_000;

export interface LogShape {
  /** Records in batches of each codec; those that were rolled back too. */
  readonly codecs: Record<string, number>;
  /** The same of those that are in transactions. */
  readonly inTransactions: Record<string, number>;
  /** Ends of transactions, of either kind. */
  markers: number;
}

export async function logShape(
  brokers: string,
  topic: string,
  partition: number,
): Promise<LogShape> {
  const { topicId, partitions } = await topicMetadata(plainAccess(brokers), topic);
  const { leaderEpoch } = partitions[partition];
  const [host, port] = brokers.split(':');
  const shape: LogShape = { codecs: {}, inTransactions: {}, markers: 0 };
  const head = new BatchHead();
  let offset = 0;
  await new Promise<void>((resolve, reject) => {
    FetchSession.opener(null)(
      { host, port: Number(port) },
      { topic, topicId, partition, leaderEpoch, rack: '' },
      [responseBuffer(1000), responseBuffer(1000)],
      1000,
      {
        fetched({ recordsStart, recordsEnd, highWatermark }, { view }) {
          for (let at = recordsStart; ; ) {
            const end = batchEnd(view, at, recordsEnd);
            if (end < 0) break;
            head.read(view, at, end);
            add(shape, head);
            offset = head.lastOffset + 1;
            at = end;
          }
          if (offset < highWatermark) return session!.fetch(offset, FETCH_BYTES);
          session!.close();
          resolve();
        },
        closed: reject,
      },
    ).then((opened) => {
      session = opened;
      opened.fetch(0, FETCH_BYTES);
    }, reject);
    let session: LeaseSession | undefined;
  });
  return shape;
}

function add(shape: LogShape, { codec, recordCount, isControl, isTransactional }: BatchHead): void {
  if (isControl) {
    shape.markers++;
    return;
  }
  const name = CODECS[codec];
  shape.codecs[name] = (shape.codecs[name] ?? 0) + recordCount;
  if (!isTransactional) return;
  shape.inTransactions[name] = (shape.inTransactions[name] ?? 0) + recordCount;
}
