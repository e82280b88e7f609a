/** Compressed batches as a lease meets them: among others, when it is full, and when they lie. */
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import * as codecs from '../../../src/kafka/compression/codecs.ts';
import { UNPACKED_BYTES_MAX } from '../../../src/kafka/compression/unpacked-records.ts';
import { VendavalError } from '../../../src/lib/errors.ts';
import { CODEC, COMPRESSORS, type CodecName } from '../../parts/compressors.ts';
import { FetchServer } from '../../parts/fetch-server.ts';
import { LeaseDriver, type LeaseOptions, until } from '../../parts/lease-driver.ts';
import { LIMITS, saleJson } from '../../parts/lease-regions.ts';
import {
  type BatchSpec,
  DEFAULT_TIMESTAMP_MS,
  marker,
  recordBatch,
} from '../../parts/record-batch-builder.ts';

const PATH = '../../../src/kafka/compression/codecs.ts';
vi.mock('../../../src/kafka/compression/codecs.ts', { spy: true });

const T = DEFAULT_TIMESTAMP_MS;
const KEY = `${T / 60_000}|Casa`;

let server: FetchServer;
const leases: LeaseDriver[] = [];

beforeEach(async () => {
  vi.clearAllMocks();
  server = await FetchServer.start();
});

afterEach(async () => {
  for (const lease of leases.splice(0)) await lease.stop().catch(() => {});
  await server.close();
});

function lease(options: LeaseOptions = {}): LeaseDriver {
  const driver = new LeaseDriver({ port: server.port }, options);
  leases.push(driver);
  return driver;
}

/** A batch of sales of one centavo each. */
function sales(baseOffset: number, count: number, spec: Partial<BatchSpec> = {}): Buffer {
  const records = Array.from({ length: count }, () => ({ value: saleJson('Casa', 1, T) }));
  return recordBatch({ baseOffset, records, ...spec });
}

function compressed(baseOffset: number, count: number, kind: string): Buffer {
  const { codec, compress } = COMPRESSORS[kind];
  return sales(baseOffset, count, { codec: CODEC[codec], compress });
}

const rubbish = (baseOffset: number, codec: CodecName, spec: Partial<BatchSpec> = {}) =>
  sales(baseOffset, 2, { codec: CODEC[codec], compress: () => Buffer.from('rubbish'), ...spec });

describe('a lease', () => {
  it('counts batches of every codec, mixed with plain ones', async () => {
    const kinds = Object.keys(COMPRESSORS);
    const log = [...kinds, ...kinds].flatMap((kind, i) => [
      sales(i * 60, 10),
      compressed(i * 60 + 10, 50, kind),
    ]);
    server.append(...log);
    const driver = lease();
    await driver.reached(log.length * 30);
    expect(await driver.checkpoint()).toMatchObject({ counted: log.length * 30 });
    expect(driver.drained.sums[KEY].count).toBe(log.length * 30);
    // Each library once.
    expect(codecs.loadCodec).toHaveBeenCalledTimes(4);
  });

  it('loads nothing for plain batches', async () => {
    server.append(sales(0, 5));
    await lease().reached(5);
    expect(codecs.loadCodec).not.toHaveBeenCalled();
  });

  it('begins after records of the batch that were counted before', async () => {
    server.append(compressed(0, 50, 'zstd'));
    const driver = lease({ start: { nextOffset: 30 } });
    await driver.reached(50);
    expect((await driver.checkpoint()).counted).toBe(20);
  });

  it('unpacks a batch once, however often its table was full in the middle of it', async () => {
    const records = Array.from({ length: 35 }, (_, i) => ({ value: saleJson(`C${i % 7}`, 1, T) }));
    const { codec, compress } = COMPRESSORS['xerial snappy'];
    server.append(recordBatch({ baseOffset: 0, records, codec: CODEC[codec], compress }));
    server.append(compressed(35, 10, 'gzip'));
    const driver = lease({ limits: { ...LIMITS, tableSlots: 4 } });
    await driver.drainTo(45);
    expect(driver.said('full').length).toBeGreaterThan(3);
    const counts = Object.values(driver.drained.sums).map(({ count }) => count);
    expect(counts).toEqual([5, 5, 5, 5, 5, 5, 5, 10]);
    expect(codecs.unpackBatch).toHaveBeenCalledTimes(2);
  });

  it('does not unpack what was rolled back', async () => {
    server.append(
      rubbish(0, 'lz4', { transactional: true, producerId: 9n }),
      marker(2, 9n, 'abort'),
      compressed(3, 4, 'lz4'),
    );
    server.aborted = [{ producerId: 9n, firstOffset: 0 }];
    const driver = lease();
    await driver.reached(7);
    expect((await driver.checkpoint()).counted).toBe(4);
  });

  it.each(Object.keys(CODEC) as CodecName[])(
    'fetches a batch again whose %s data is corrupt, and counts all when it is right',
    async (codec) => {
      const kind = Object.keys(COMPRESSORS).find((name) => COMPRESSORS[name].codec === codec)!;
      const bad = Buffer.concat([sales(0, 3), rubbish(3, codec)]);
      server.append(sales(0, 3), compressed(3, 2, kind));
      server.reply = ({ connection }) =>
        connection === 0 ? { records: bad, highWatermark: 5 } : 'serve';
      const driver = lease();
      await driver.reached(5);
      expect((await driver.checkpoint()).counted).toBe(5);
      expect(driver.troubles).toEqual(['E_CORRUPT_BATCH']);
      expect(driver.said('trouble')[0].message).toContain(`offset 3 is corrupt: its ${codec} data`);
    },
  );

  it('ends when it stays corrupt, with all before it frozen', async () => {
    const records = Buffer.concat([compressed(0, 3, 'lz4'), rubbish(3, 'lz4')]);
    server.reply = ({ offset }) => ({
      records: offset === 0 ? records : rubbish(3, 'lz4'),
      highWatermark: 5,
    });
    const driver = lease();
    expect(await driver.result).toMatchObject({ outcome: 'failed', code: 'E_CORRUPT_BATCH' });
    expect(driver.drain()).toMatchObject({ nextOffset: 3, counted: 3 });
    expect(driver.troubles).toEqual(Array(5).fill('E_CORRUPT_BATCH'));
  });

  it('ends at once at a decompression bomb, with all before it frozen', async () => {
    const bomb = () => gzipSync(Buffer.alloc(UNPACKED_BYTES_MAX + 1));
    server.append(sales(0, 3), sales(3, 2, { codec: CODEC.gzip, compress: bomb }));
    const driver = lease({ fetchBytes: 1_000_000 });
    expect(await driver.result).toMatchObject({
      outcome: 'failed',
      code: 'E_BATCH_TOO_LARGE',
      message: expect.stringContaining('gzip batch at offset 3'),
      options: { retryable: false },
    });
    expect(driver.drain()).toMatchObject({ nextOffset: 3, counted: 3 });
  });
});

describe('while a library is loading', () => {
  /** The library comes when the test says so: call what this returns. */
  function slowLibrary(): () => void {
    let come = () => {};
    const coming = new Promise<void>((resolve) => {
      come = resolve;
    });
    vi.mocked(codecs.loadCodec).mockImplementationOnce(async (codec) => {
      await coming;
      const actual = await vi.importActual<typeof codecs>(PATH);
      return actual.loadCodec(codec);
    });
    return come;
  }
  const isLoading = () =>
    until(() => vi.mocked(codecs.loadCodec).mock.calls.length > 0, 'the library is asked for');

  it('a lease freezes what it has, asks for it no second time, and goes on', async () => {
    const comes = slowLibrary();
    server.append(sales(0, 3), compressed(3, 4, 'zstd'), compressed(7, 1, 'lz4'));
    const driver = lease();
    await isLoading();
    expect(await driver.checkpoint()).toMatchObject({ nextOffset: 3, counted: 3 });
    expect(codecs.loadCodec).toHaveBeenCalledTimes(1);
    comes();
    await driver.drainTo(8);
    expect(driver.drained.sums[KEY].count).toBe(8);
  });

  it('a lease loses its connection, and counts nothing twice', async () => {
    const comes = slowLibrary();
    server.append(sales(0, 3), compressed(3, 4, 'zstd'));
    const driver = lease();
    await isLoading();
    server.dropConnections();
    await until(() => driver.troubles.length > 0, 'the lost connection is noticed');
    comes();
    server.append(compressed(7, 2, 'zstd'));
    await driver.drainTo(9);
    expect(driver.drained.sums[KEY].count).toBe(9);
  });

  it('a lease can be stopped', async () => {
    const comes = slowLibrary();
    server.append(sales(0, 3), compressed(3, 4, 'zstd'));
    const driver = lease();
    await isLoading();
    expect(await driver.stop()).toEqual({ outcome: 'stopped' });
    comes();
    await new Promise((resolve) => setImmediate(resolve));
    expect(driver.drained.snapshot).toMatchObject({ nextOffset: 3, counted: 3 });
  });

  it('a lease ends when it cannot be loaded', async () => {
    const failure = new VendavalError('not here', { code: 'E_CODEC_LIBRARY', hint: 'npm ci' });
    vi.mocked(codecs.loadCodec).mockRejectedValueOnce(failure);
    server.append(sales(0, 3), compressed(3, 4, 'lz4'));
    const driver = lease();
    expect(await driver.result).toMatchObject({ outcome: 'failed', code: 'E_CODEC_LIBRARY' });
    expect(driver.drain()).toMatchObject({ nextOffset: 3, counted: 3 });
  });
});
