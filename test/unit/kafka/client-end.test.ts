/** The end of a librdkafka client: what would hang or harm it is over before it begins. */
import { EventEmitter } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type Kafka from 'node-rdkafka';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { KafkaAccess } from '../../../src/kafka/access.ts';
import { endClient, supplyToken } from '../../../src/kafka/client-end.ts';

const LOOKS_MS = 60_000;

/** Writes down what is asked of it. librdkafka's own is in the integration tests. */
class Client extends EventEmitter {
  readonly asked: string[] = [];
  isConnected = () => true;

  setOauthBearerToken(token: string): void {
    this.asked.push(`token ${token}`);
  }

  disconnect(...args: unknown[]): void {
    this.asked.push('end');
    if (this.ends) (args.at(-1) as () => void)();
  }

  readonly ends: boolean;

  constructor({ ends = true } = {}) {
    super();
    this.ends = ends;
  }
}

class Producer extends Client {
  setPollInterval(ms: number): void {
    this.asked.push(`poll each ${ms} ms`);
  }
}

const asClient = (client: Client) => client as unknown as Kafka.KafkaConsumer;

describe('the end of a client', () => {
  let tokenFile: string;
  let access: KafkaAccess;
  const give = (token: string) => writeFileSync(tokenFile, token);

  beforeEach((t) => {
    vi.useFakeTimers();
    const folder = mkdtempSync(join(tmpdir(), 'vendaval-end-'));
    t.onTestFinished(() => {
      vi.useRealTimers();
      rmSync(folder, { recursive: true });
    });
    tokenFile = join(folder, 'token');
    give('a.b.c');
    const security = { tls: null, sasl: { mechanism: 'OAUTHBEARER' as const, tokenFile } };
    access = { brokers: 'localhost:9092', security } as KafkaAccess;
  });

  test('it is given each new token, and none once it ends', async () => {
    const client = new Client();
    supplyToken(asClient(client), access);
    give('d.e.f');
    vi.advanceTimersByTime(LOOKS_MS);
    await endClient(asClient(client), 1000);
    give('g.h.i');
    vi.advanceTimersByTime(LOOKS_MS);
    expect(client.asked).toEqual(['token a.b.c', 'token d.e.f', 'end']);
  });

  test('a producer is polled no more', async () => {
    const client = new Producer();
    await endClient(asClient(client), 1000);
    expect(client.asked).toEqual(['poll each 0 ms', 'end']);
  });

  test('one that does not end is left after the time', async () => {
    const client = new Client({ ends: false });
    let isLeft = false;
    const left = endClient(asClient(client), 1000).then(() => {
      isLeft = true;
    });
    await vi.advanceTimersByTimeAsync(999);
    expect(isLeft).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    await left;
  });

  test('one that never connected has nothing to end', async () => {
    const client = new Client();
    client.isConnected = () => false;
    await endClient(asClient(client), 1000);
    expect(client.asked).toEqual([]);
  });
});
