/** A lease at brokers that want a sign-in, which ends or is refused while it runs. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { VendavalError } from '../../../src/lib/errors.ts';
import { LEASE_STATE } from '../../../src/state/layout.ts';
import { FetchSession, type OpenSession } from '../../../src/workers/fetch-session.ts';
import { FetchServer } from '../../parts/fetch-server.ts';
import { LeaseDriver, until } from '../../parts/lease-driver.ts';
import { saleJson } from '../../parts/lease-regions.ts';
import { DEFAULT_TIMESTAMP_MS, recordBatch } from '../../parts/record-batch-builder.ts';

let server: FetchServer;
let driver: LeaseDriver | undefined;
let opened: number;

beforeEach(async () => {
  server = await FetchServer.start();
  opened = 0;
});
afterEach(async () => {
  await driver?.stop().catch(() => {});
  await server.close();
});

const plain = FetchSession.opener(null);

function lease(openSession: OpenSession): LeaseDriver {
  driver = new LeaseDriver({ port: server.port }, { openSession });
  return driver;
}

function sales(baseOffset: number, count: number): Buffer {
  const value = saleJson('Casa', 1, DEFAULT_TIMESTAMP_MS);
  return recordBatch({ baseOffset, records: Array.from({ length: count }, () => ({ value })) });
}

/** A session that the broker would end after so long. */
const ending =
  (lifetimeMs: number): OpenSession =>
  async (...args) => {
    opened++;
    const session = await plain(...args);
    const endsAtMs = performance.now() + lifetimeMs;
    return {
      endsAtMs,
      fetch: (...asked) => session.fetch(...asked),
      close: () => session.close(),
    };
  };

describe('a session that ends', () => {
  it('is made anew before it does, and nothing is read twice or told as trouble', async () => {
    server.append(sales(0, 3), sales(3, 3));
    const running = lease(ending(20));
    await until(() => opened >= 5, 'five sessions');
    server.append(sales(6, 3));
    await running.reached(9);
    expect((await running.checkpoint()).counted).toBe(9);
    expect(running.troubles).toEqual([]);
    expect(running.live('reconnects')).toBe(0);
  });

  it('leaves a partition idle that is: else short sessions would hold every window open', async () => {
    server.append(sales(0, 3));
    const running = lease(ending(20));
    await running.reached(3);
    await until(() => opened >= 3, 'three sessions');
    const first = (await running.checkpoint()).idleMs;
    await until(() => opened >= 8, 'eight sessions');
    expect((await running.checkpoint()).idleMs).toBeGreaterThan(first);
    expect(running.live('atEnd')).toBe(1);
  });
});

describe('a session that is over before its first answer', () => {
  it('has brought that answer: else a partition would never get on', async () => {
    server.append(sales(0, 3), sales(3, 3));
    const running = lease(ending(0));
    await running.reached(6);
    server.append(sales(6, 3));
    await running.reached(9);
    expect((await running.checkpoint()).counted).toBe(9);
    await until(() => running.live('atEnd') === 1, 'it is known to be at its end');
    expect(running.troubles).toEqual([]);
    expect(running.live('reconnects')).toBe(0);
  });
});

describe('a sign-in that is refused while the engine runs', () => {
  it.each(['E_KAFKA_AUTH', 'E_KAFKA_TLS', 'E_KAFKA_SASL', 'E_CONFIG'])(
    'is told and tried again when it is %s: the other partitions go on',
    async (code) => {
      server.append(sales(0, 3));
      const running = lease(async (...args) => {
        if (++opened <= 2) throw new VendavalError('refused', { code });
        return plain(...args);
      });
      await until(() => running.troubles.length > 0, 'it is told');
      expect(running.live('state')).toBe(LEASE_STATE.backingOff);
      await running.reached(3);
      expect(running.troubles).toEqual([code, code]);
      expect(running.ended).toBeNull();
    },
  );
});
