import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RecordBatchWriter } from '../../../src/kafka/record-batch-writer.ts';
import type { VendavalError } from '../../../src/lib/errors.ts';
import { BatchSlot } from '../../../src/load/batch-slot.ts';
import { IN_FLIGHT_MAX, ProducePipe } from '../../../src/load/produce-pipe.ts';
import { plainAccess } from '../../parts/plain-access.ts';
import { PRODUCE_TOPIC, type ProduceReply, ProduceServer } from '../../parts/produce-server.ts';
import { seeded } from '../../parts/random.ts';

let server: ProduceServer;
beforeEach(async () => {
  server = await ProduceServer.start();
});
afterEach(() => server.close());

/** A pipe with a writer that keeps it full, and what it says. */
class Sender {
  readonly acknowledged: { sales: number; baseOffset: number; records: number }[] = [];
  readonly troubles: string[] = [];
  failure: VendavalError | null = null;
  readonly pipe: ProducePipe;
  readonly #writer = new RecordBatchWriter();
  #made = 0;

  constructor(giveUpMs?: number) {
    this.pipe = new ProducePipe(
      { access: plainAccess(server.brokers), topic: PRODUCE_TOPIC, partition: 0 },
      {
        acknowledged: ({ sales, records }, baseOffset) =>
          this.acknowledged.push({ sales, baseOffset, records }),
        trouble: ({ code }) => this.troubles.push(code),
        failed: (error) => {
          this.failure = error;
        },
      },
      giveUpMs,
    );
  }

  /** Sends a batch whose only content is its number. */
  send(records = 1): void {
    const { pipe } = this;
    const slot = new BatchSlot(1024 + 100 * records);
    this.#writer.begin(slot.bytes, slot.view, pipe.batchAt, 1000);
    for (let i = 0; i < records; i++) {
      const at = this.#writer.open(1000);
      this.#writer.close(at + slot.bytes.write(`batch ${this.#made} record ${i}`, at));
    }
    slot.records = records;
    slot.sales = this.#made++;
    slot.end = this.#writer.finish(pipe.producer, pipe.sequence);
    pipe.send(slot);
  }

  /** Sends so many batches, as many at once as may be, and waits for all. */
  async sendAll(batches: number, records = () => 1): Promise<void> {
    await this.pipe.open();
    while (!this.failure && (this.#made < batches || this.pipe.inFlight.length > 0)) {
      const hasRoom = this.pipe.isConnected && this.pipe.inFlight.length < IN_FLIGHT_MAX;
      if (this.#made < batches && hasRoom) this.send(records());
      else await new Promise((resolve) => setTimeout(resolve, 1));
    }
    this.pipe.close();
  }
}

const numbersOf = (log: ProduceServer['log']) =>
  log.map(({ bytes }) => Number(/batch (\d+) record 0/.exec(bytes.toString('latin1'))![1]));
const upTo = (count: number) => Array.from({ length: count }, (_, i) => i);

/** Each batch is in the log once, in order, where its acknowledgement says. */
function expectExactlyOnce(sender: Sender, batches: number): void {
  expect(sender.failure).toBeNull();
  expect(numbersOf(server.log)).toEqual(upTo(batches));
  expect(sender.acknowledged.map(({ sales }) => sales)).toEqual(upTo(batches));
  expect(sender.acknowledged.map(({ baseOffset }) => baseOffset)).toEqual(
    server.log.map(({ baseOffset }) => baseOffset),
  );
  expect(sender.pipe.firstOffset).toBe(0);
  expect(sender.pipe.nextOffset).toBe(server.endOffset);
  expect(sender.pipe.foreignOffsets).toBe(0);
}

describe('a pipe', () => {
  it('sends batches in order, several at a time', async () => {
    const sender = new Sender();
    await sender.sendAll(20, () => 3);
    expectExactlyOnce(sender, 20);
    expect(server.endOffset).toBe(60);
    expect(sender.troubles).toEqual([]);
  });

  it.each<[string, ProduceReply]>([
    ['the connection ends before the batch is appended', 'close-before'],
    ['the connection ends after it, and the answer is lost', 'close-after'],
    ['the leader has moved', { error: 6 }],
    ['there are not enough replicas', { error: 19 }],
    ['the broker ran out of time', { error: 7 }],
    ['the answer is cut off', { raw: Buffer.alloc(5) }],
  ])('writes each batch once when %s', async (_, fault) => {
    server.reply = (request) => (request === 2 ? fault : 'serve');
    const sender = new Sender();
    await sender.sendAll(12);
    expectExactlyOnce(sender, 12);
    expect(sender.troubles).toHaveLength(1);
    expect(server.connections).toBe(4); // metadata and leader, twice
  });

  it.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'writes each batch once under faults of every kind, seed %i',
    async (seed) => {
      const random = seeded(seed);
      const faults: ProduceReply[] = ['close-before', 'close-after', { error: 6 }, { error: 20 }];
      server.reply = () => {
        if (random.chance(0.02)) server.restart();
        return random.chance(0.1) ? random.pick(faults) : 'serve';
      };
      const sender = new Sender();
      await sender.sendAll(60, () => random.between(1, 4));
      expectExactlyOnce(sender, 60);
    },
    30_000,
  );

  it('finds batches in the log of a broker that remembers only the last one', async () => {
    // Three are appended and not answered; then the broker starts anew.
    server.reply = (request) => {
      if (request > 2) return 'serve';
      if (request === 2) server.restart();
      return 'unanswered';
    };
    const sender = new Sender();
    await sender.sendAll(8);
    expectExactlyOnce(sender, 8);
  });

  it('waits for a producer id that is not to be had yet', async () => {
    server.initErrors = [14, 15];
    const sender = new Sender();
    await sender.sendAll(2);
    expectExactlyOnce(sender, 2);
    expect(sender.troubles).toEqual(['E_PRODUCE_FAILED', 'E_PRODUCE_FAILED']);
  });

  it('counts the records of others between its own', async () => {
    server.appendForeign(7);
    server.reply = (request) => {
      if (request === 3) server.appendForeign(2);
      return 'serve';
    };
    const sender = new Sender();
    await sender.sendAll(6);
    expect(sender.pipe).toMatchObject({ firstOffset: 7, nextOffset: 15, foreignOffsets: 2 });
  });
});

describe('a pipe gives up', () => {
  const failureOf = async (reply: ProduceReply, giveUpMs?: number) => {
    server.reply = (request) => (request === 1 ? reply : 'serve');
    const sender = new Sender(giveUpMs);
    await sender.sendAll(4);
    expect(sender.pipe.inFlight.length).toBeGreaterThan(0);
    expect(sender.pipe.isConnected).toBe(false);
    expect(sender.acknowledged.map(({ sales }) => sales)).toEqual([0]);
    return sender.failure!;
  };

  it('when a batch is too large, and names the flag', async () => {
    const failure = await failureOf({ error: 10, message: 'The request included a message…' });
    expect(failure.code).toBe('E_MESSAGE_TOO_LARGE');
    expect(failure.message).toMatch(/a batch of \d+ bytes .* vendas\/0: MESSAGE_TOO_LARGE \(10\)/);
    expect(failure.hint).toContain('--batch-bytes');
  });

  it('when it may not write', async () => {
    expect(await failureOf({ error: 29 })).toMatchObject({ code: 'E_KAFKA_AUTHORIZATION' });
  });

  it('when it may have no producer id', async () => {
    server.initErrors = [31];
    const sender = new Sender();
    await sender.sendAll(1);
    expect(sender.failure).toMatchObject({ code: 'E_KAFKA_AUTHORIZATION' });
  });

  it("when the broker refuses the records, in the broker's words", async () => {
    const reply = {
      error: 87,
      messageOfRecord: 'Compacted topic cannot accept message without key',
    };
    const failure = await failureOf(reply);
    expect(failure.code).toBe('E_PRODUCE_FAILED');
    expect(failure.message).toContain('INVALID_RECORD (87): Compacted topic cannot accept');
  });

  it('when the log has lost what it acknowledged', async () => {
    expect(await failureOf({ baseOffset: 0 })).toMatchObject({ code: 'E_LOAD_LOG_LOST' });
    server.requests = 0;
    expect(await failureOf({ error: 45 })).toMatchObject({ code: 'E_LOAD_LOG_LOST' });
  });

  it('when nothing works for long, and says what is unknown', async () => {
    server.reply = (request) => (request === 0 ? 'serve' : { error: 6 });
    const sender = new Sender(300);
    await sender.sendAll(3);
    expect(sender.failure).toMatchObject({ code: 'E_PRODUCE_FAILED' });
    expect(sender.failure!.message).toContain('nothing could be written to vendas/0 in 0.3 s');
    expect(sender.failure!.hint).toContain('unknown');
    expect(sender.pipe.inFlight).toHaveLength(2);
  });

  it('when the broker will not say what it has', async () => {
    server.describeError = 29;
    const failure = await failureOf('close-after');
    expect(failure).toMatchObject({ code: 'E_KAFKA_AUTHORIZATION' });
    expect(failure.hint).toContain('Grant Read');
  });
});
