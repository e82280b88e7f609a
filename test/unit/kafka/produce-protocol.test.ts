/** Requests and responses against bytes written out from https://kafka.apache.org/protocol. */
import { describe, expect, it } from 'vitest';
import {
  decodeInitProducerId,
  decodeLastSequence,
  decodeProduce,
  encodeDescribeProducers,
  encodeInitProducerId,
  ProduceHead,
} from '../../../src/kafka/protocol/produce.ts';

/** Bytes from hex; what stands in parentheses is for readers. */
const hex = (text: string) => Buffer.from(text.replace(/\([^)]*\)|\s/g, ''), 'hex');
const CLIENT = '000d 76656e646176616c2d6c6f6164 ("vendaval-load")';
const broken = expect.objectContaining({ code: 'E_PROTOCOL' });

describe('requests', () => {
  it('put Produce v8 before a ready-made batch', () => {
    const head = new ProduceHead('ab', 3, 10_000);
    const request = Buffer.alloc(head.length + 5, 0xee);
    head.write(request, request.length, 0x01020304);
    const expected = hex(`
      0000003d (size) 0000 (api) 0008 (version) 01020304 (correlation) ${CLIENT}
      ffff (no transaction) ffff (all replicas) 00002710 (timeout)
      00000001 (one topic) 0002 6162 ("ab") 00000001 (one partition) 00000003
      00000005 (bytes) eeeeeeeeee`);
    expected.writeInt32BE(expected.length - 4, 0);
    expect(request).toEqual(expected);
  });

  it('encode InitProducerId v1 for no transaction', () => {
    const body = hex(`0016 (api) 0001 (version) 00000007 ${CLIENT} ffff (no transaction) 7fffffff`);
    expect(encodeInitProducerId(7).subarray(4)).toEqual(body);
  });

  it('encode DescribeProducers v0 for one partition', () => {
    const body = hex(`003d (api) 0000 (version) 00000007 ${CLIENT} 00 (tags)
      02 (one topic) 03 6162 02 (one partition) 00000003 00 (tags) 00 (tags)`);
    expect(encodeDescribeProducers(7, 'ab', 3).subarray(4)).toEqual(body);
  });
});

describe('a Produce response', () => {
  const answer = (rest: string) =>
    hex(`00000009 (correlation) 00000001 (one topic) 0002 6162 00000001 (one partition) 00000003
      ${rest} 00000000 (throttle)`);
  const decode = (bytes: Buffer) => decodeProduce(bytes, bytes.length);
  const offsets = '0000000100000002 (base) 0000000000000005 (append time) 0000000000000001 (start)';

  it("says where the batch is, and the broker's time", () => {
    expect(decode(answer(`0000 ${offsets} 00000000 (no record errors) ffff`))).toEqual({
      error: 0,
      message: '',
      baseOffset: 2 ** 32 + 2,
      appendMs: 5,
    });
  });

  it("gives the broker's words, those of the whole batch first", () => {
    const records = '00000002 00000000 0001 61 ("a") 00000001 ffff';
    expect(decode(answer(`0057 ${offsets} ${records} 0002 6262 ("bb")`)).message).toBe('bb');
    expect(decode(answer(`0057 ${offsets} ${records} ffff`))).toMatchObject({
      error: 87,
      message: 'a',
    });
  });

  it('is refused when it is cut off, or about more than was asked', () => {
    const whole = answer(`0000 ${offsets} 00000000 ffff`);
    // The throttle time is of no interest.
    for (let size = 4; size < whole.length - 4; size++) {
      expect(() => decodeProduce(whole, size)).toThrow(broken);
    }
    for (const at of [4, 12]) {
      const other = Buffer.from(whole);
      other.writeInt32BE(2, at);
      expect(() => decode(other)).toThrow(broken);
    }
  });
});

it('an InitProducerId response gives id and epoch, or an error', () => {
  const bytes = hex('00000007 00000000 (throttle) 0000 0000000000001000 0002 (epoch)');
  expect(decodeInitProducerId(bytes, bytes.length)).toEqual({
    error: 0,
    producerId: 0x1000n,
    epoch: 2,
  });
  const refused = hex('00000007 00000000 000e ffffffffffffffff ffff');
  expect(decodeInitProducerId(refused, refused.length).error).toBe(14);
});

describe('a DescribeProducers response', () => {
  const producer = (id: string, sequence: string) =>
    `${id} 00000000 (epoch) ${sequence} 0000000000000001 (time) ffffffff ffffffffffffffff 00`;
  const answer = (producers: string) =>
    hex(`00000007 00 00000000 (throttle) 02 (one topic) 03 6162 02 (one partition) 00000003
      0000 (error) 00 (no message) ${producers} 00 00 00`);
  const lastOf = (bytes: Buffer, id: bigint) => decodeLastSequence(bytes, bytes.length, id);

  it("gives the producer's last sequence number", () => {
    const bytes = answer(
      `03 ${producer('0000000000000005', '00000009')} ${producer('0000000000000006', '00000001')}`,
    );
    expect(lastOf(bytes, 5n)).toEqual({ error: 0, lastSequence: 9 });
    expect(lastOf(bytes, 6n)).toEqual({ error: 0, lastSequence: 1 });
  });

  it('gives -1 for a producer that is not known', () => {
    expect(lastOf(answer('01'), 5n)).toEqual({ error: 0, lastSequence: -1 });
  });
});
