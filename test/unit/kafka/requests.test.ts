/** Requests and responses against bytes written out from https://kafka.apache.org/protocol. */
import { describe, expect, it } from 'vitest';
import {
  decodeApiRanges,
  decodeFetch,
  decodeMetadata,
  encodeApiVersions,
  encodeMetadata,
  prepareFetch,
  usableVersions,
} from '../../../src/kafka/protocol/requests.ts';
import { NO_TOPIC_ID } from '../../../src/lib/topic-id.ts';
import { apiVersionsResponse, fetchResponse, TOPIC_ID } from '../../parts/fetch-server.ts';

/** Bytes from hex; what stands in parentheses is for readers. */
const hex = (text: string) => Buffer.from(text.replace(/\([^)]*\)|\s/g, ''), 'hex');
const CLIENT = '0008 76656e646176616c ("vendaval")';

const broken = expect.objectContaining({ code: 'E_PROTOCOL', retryable: true });

describe('requests', () => {
  it('encode ApiVersions v0', () => {
    expect(encodeApiVersions(9)).toEqual(
      hex(`00000012 (size) 0012 (api) 0000 (version) 00000009 (correlation) ${CLIENT}`),
    );
  });

  it.each([
    [9, '', '00 (cluster operations) 00 (topic operations)'],
    [10, `${'00'.repeat(16)} (no id)`, '00 (cluster operations) 00 (topic operations)'],
    [12, `${'00'.repeat(16)} (no id)`, '00 (topic operations)'],
  ])('encode Metadata v%i for one topic by name', (version, id, flags) => {
    const body = hex(`
      0003 (api) 00${version.toString(16).padStart(2, '0')} 00000002 (correlation) ${CLIENT}
      00 (tags) 02 (one topic) ${id} 03 6162 ("ab") 00 (tags)
      00 (no automatic creation) ${flags} 00 (tags)`);
    const request = encodeMetadata(2, version, 'ab');
    expect(request.readInt32BE(0)).toBe(body.length);
    expect(request.subarray(4)).toEqual(body);
  });

  const target = { topic: 'ab', topicId: TOPIC_ID, partition: 3, leaderEpoch: 5, rack: '' };
  const fetchBody = (version: string, topic: string) =>
    hex(`
      0001 (api) ${version} 01020304 (correlation) ${CLIENT} 00 (tags)
      ffffffff (consumer) 000001f4 (wait) 00000001 (least bytes) 7fffffff (most bytes)
      01 (read_committed) 00000000 (no session) ffffffff (epoch of no session)
      02 (one topic) ${topic} 02 (one partition) 00000003 00000005 (leader epoch)
      0000000100000002 (offset) ffffffff (last fetched epoch) ffffffffffffffff (log start)
      00010000 (partition bytes) 00 00 (tags) 01 (nothing forgotten) 01 (rack) 00 (tags)`);

  it.each([
    ['by id from v13', { fetch: 13, metadata: 12 }, TOPIC_ID, '000d', TOPIC_ID],
    ['by name with v12', { fetch: 12, metadata: 12 }, TOPIC_ID, '000c', '03 6162'],
    [
      'by name where there is no id',
      { fetch: 13, metadata: 12 },
      '0'.repeat(32),
      '000c',
      '03 6162',
    ],
  ])('encode Fetch %s', (_, versions, topicId, version, topic) => {
    const request = prepareFetch({ ...target, topicId }, versions, 500);
    request.set(1, 1, 1, 1);
    request.set(0x01020304, 2 ** 32 + 2, -1, 65_536);
    const body = fetchBody(version, topic);
    expect(request.version).toBe(Number.parseInt(version, 16));
    expect(request.bytes.readInt32BE(0)).toBe(body.length);
    expect(request.bytes.subarray(4)).toEqual(body);
  });

  it('carry the rack, and the epoch of the record before the offset', () => {
    const versions = { fetch: 12, metadata: 9 };
    const request = prepareFetch({ ...target, rack: 'sa-1' }, versions, 500);
    request.set(1, 9, 0x0a0b0c0d, 1);
    expect(request.bytes.includes(hex('0000000000000009 0a0b0c0d ffffffffffffffff'))).toBe(true);
    expect(request.bytes.subarray(-6)).toEqual(hex('05 73612d31 00'));
  });

  it('carry the longest topic name', () => {
    const topic = 'x'.repeat(249);
    const { bytes } = prepareFetch({ ...target, topic }, { fetch: 12, metadata: 10 }, 500);
    expect(bytes.includes(Buffer.concat([hex('fa01'), Buffer.from(topic)]))).toBe(true);
  });
});

describe('the choice of versions', () => {
  const choose = (...ranges: [number, number, number][]) => {
    const bytes = apiVersionsResponse(0, ranges);
    return usableVersions(decodeApiRanges(bytes, bytes.length));
  };

  it('takes the newest that both sides speak', () => {
    expect(choose([1, 0, 17], [3, 0, 13], [18, 0, 4])).toEqual({ fetch: 13, metadata: 12 });
    expect(choose([1, 4, 12], [3, 0, 10])).toEqual({ fetch: 12, metadata: 10 });
    // As Kafka 2.7 answers.
    expect(choose([1, 0, 12], [3, 0, 9])).toEqual({ fetch: 12, metadata: 9 });
    expect(choose([1, 13, 13], [3, 11, 11])).toEqual({ fetch: 13, metadata: 11 });
  });

  it.each<[string, [number, number, number][], string, RegExp]>([
    [
      'too old to fetch from, as Kafka 2.6 is',
      [
        [1, 0, 11],
        [3, 0, 9],
      ],
      'is too old: it speaks Fetch versions 0 to 11, and 12 to 13',
      /Kafka 2\.7 or newer/,
    ],
    [
      'too old to be asked for a topic',
      [
        [1, 0, 12],
        [3, 0, 8],
      ],
      'is too old: it speaks Metadata versions 0 to 8, and 9 to 12',
      /Kafka 2\.7 or newer/,
    ],
    [
      'too new',
      [
        [1, 14, 20],
        [3, 0, 13],
      ],
      'is too new: it speaks Fetch versions 14 to 20',
      /newer version of Vendaval/,
    ],
    ['no broker for consumers', [[3, 0, 12]], 'Fetch versions 0 to -1', /Kafka 2\.7 or newer/],
  ])('refuses a broker that is %s, and says what to use', (_, ranges, message, hint) => {
    expect(() => choose(...ranges)).toThrow(
      expect.objectContaining({
        code: 'E_BROKER_VERSION',
        message: expect.stringContaining(message),
        hint: expect.stringMatching(hint),
      }),
    );
  });

  it('refuses an error and an answer that is cut off', () => {
    const error = apiVersionsResponse(0, [], 35);
    expect(() => decodeApiRanges(error, error.length)).toThrow(broken);
    const whole = apiVersionsResponse(0, [
      [1, 0, 13],
      [3, 0, 12],
    ]);
    for (let size = 4; size < whole.length; size++) {
      expect(() => decodeApiRanges(whole, size)).toThrow(broken);
    }
  });
});

describe('a Metadata response', () => {
  const answer = (id: string) =>
    hex(`
    00000002 (correlation) 00 (tags) 00000000 (throttle)
    03 (two brokers) 00000001 03 6831 ("h1") 00002384 00 (no rack) 00
                     00000002 03 6832 ("h2") 00002385 02 72 (rack "r") 00
    00 (cluster id) 00000001 (controller)
    02 (one topic) 0000 (error) 03 6162 ("ab") ${id} 00 (not internal)
      03 (two partitions)
        0000 00000001 00000002 (leader) 00000007 (epoch) 02 00000002 02 00000002 01 00
        0005 00000000 ffffffff (no leader) 00000003 03 00000001 00000002 02 00000001 02 00000002 00
      80000000 (operations) 00
    00`);
  const bytes = answer(TOPIC_ID);

  it('of v9 has no topic id', () => {
    const old = answer('');
    const { topicId, ...rest } = decodeMetadata(old, old.length, 9);
    expect(topicId).toBe(NO_TOPIC_ID);
    expect({ topicId: TOPIC_ID, ...rest }).toEqual(decodeMetadata(bytes, bytes.length, 10));
  });

  it('gives brokers, id and partitions in order of their numbers', () => {
    expect(decodeMetadata(bytes, bytes.length, 12)).toEqual({
      error: 0,
      topicId: TOPIC_ID,
      brokers: new Map([
        [1, { id: 1, host: 'h1', port: 9092 }],
        [2, { id: 2, host: 'h2', port: 9093 }],
      ]),
      partitions: [
        {
          partition: 0,
          error: 5,
          leaderId: -1,
          leaderEpoch: 3,
          replicas: [1, 2],
          inSyncReplicas: [1],
        },
        { partition: 1, error: 0, leaderId: 2, leaderEpoch: 7, replicas: [2], inSyncReplicas: [2] },
      ],
    });
  });

  it('is refused when it is cut off before its last topic ends', () => {
    for (let size = 4; size < bytes.length - 1; size++) {
      expect(() => decodeMetadata(bytes, size, 12)).toThrow(broken);
    }
  });
});

describe('a Fetch response', () => {
  const records = Buffer.from('records');
  const answer = {
    correlationId: 6,
    highWatermark: 2 ** 40,
    lastStableOffset: 90,
    logStartOffset: 3,
    aborted: [{ producerId: 2n ** 62n, firstOffset: 50 }],
    records,
  };

  it.each([
    [13, TOPIC_ID],
    [12, 'vendas'],
  ])('of v%i gives the bounds, the aborted ranges and where the records lie', (version, topic) => {
    const bytes = fetchResponse(version, topic, answer);
    const { recordsStart, recordsEnd, ...rest } = decodeFetch(bytes, bytes.length, version);
    expect(bytes.subarray(recordsStart, recordsEnd)).toEqual(records);
    expect(rest).toEqual({
      error: 0,
      highWatermark: 2 ** 40,
      lastStableOffset: 90,
      logStartOffset: 3,
      aborted: answer.aborted,
      preferredReplica: -1,
      divergence: null,
    });
  });

  it.each([
    [{ preferredReplica: 3 }, { preferredReplica: 3 }],
    [{ divergence: { epoch: 4, endOffset: 77 } }, { divergence: { epoch: 4, endOffset: 77 } }],
  ])('tells %o', (more, expected) => {
    const bytes = fetchResponse(12, 'vendas', { ...answer, ...more });
    expect(decodeFetch(bytes, bytes.length, 12)).toMatchObject(expected);
  });

  it('reads no further than its size, whatever the buffer holds behind it', () => {
    const bytes = fetchResponse(13, TOPIC_ID, answer);
    const longer = Buffer.concat([bytes, Buffer.alloc(100)]);
    for (let size = 4; size < bytes.length - 3; size++) {
      expect(() => decodeFetch(longer, size, 13)).toThrow(broken);
    }
  });

  it('skips tags that it does not know', () => {
    const bytes = fetchResponse(13, TOPIC_ID, answer);
    const tagged = Buffer.concat([bytes.subarray(0, 4), hex('01 05 02 beef'), bytes.subarray(5)]);
    expect(decodeFetch(tagged, tagged.length, 13).highWatermark).toBe(2 ** 40);
  });

  it('takes null records and null aborted ranges for none', () => {
    const bytes = fetchResponse(13, TOPIC_ID, { ...answer, aborted: [], records: Buffer.alloc(0) });
    bytes[bytes.length - 4] = 0;
    bytes[bytes.length - 9] = 0;
    const response = decodeFetch(bytes, bytes.length, 13);
    expect(response.aborted).toEqual([]);
    expect(response.recordsEnd).toBe(response.recordsStart);
  });

  it('refuses an offset that no number holds', () => {
    const bytes = fetchResponse(13, TOPIC_ID, answer);
    const at = bytes.indexOf(Buffer.from('0000010000000000', 'hex'));
    bytes.writeBigInt64BE(2n ** 53n, at);
    expect(() => decodeFetch(bytes, bytes.length, 13)).toThrow(broken);
  });
});
