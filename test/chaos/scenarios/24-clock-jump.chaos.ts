/**
 * The engine's wall clock jumps by an hour, forth and back, while sales of this moment come in.
 * Verdicts do not depend on it, and windows close as before. A broker takes no record that is
 * more than an hour ahead of its own clock, dead letters neither.
 */
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { DEAD_LETTER_TOPIC_CONFIG } from '../../../src/kafka/topic-admin.ts';
import { sums } from '../../parts/oracle.ts';
import { createTopic } from '../../parts/topic.ts';
import { closeDelays, LiveSales } from '../live-sales.ts';
import { type Chaos, scenario } from '../scenario.ts';

/** More than the machine may stop for: a sale that is sent later than that is one of a closed window. */
const RULES = { windowMs: 1000, delayMs: 5000 };
const PARTITIONS = 3;
const HOUR_MS = 3_600_000;
/** A minute more, so that it is past what a broker takes. */
const JUMPS = [
  ['an hour ahead', HOUR_MS + 60_000],
  ['an hour behind', -HOUR_MS - 60_000],
  ['right again', 0],
] as const;

/** Read by jumping-clock.mjs in each thread of the engine. */
class ClockFile {
  readonly #folder: string;
  readonly path: string;

  private constructor(folder: string) {
    this.#folder = folder;
    this.path = join(folder, 'off-by');
  }

  static async make(chaos: Chaos): Promise<ClockFile> {
    const folder = await mkdtemp(join(tmpdir(), 'vendaval-clock-'));
    chaos.onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const file = new ClockFile(folder);
    await file.set(0);
    return file;
  }

  async set(offMs: number): Promise<void> {
    const next = join(this.#folder, 'next');
    await writeFile(next, String(offMs));
    await rename(next, this.path);
  }

  get env(): Record<string, string> {
    const preload = new URL('../jumping-clock.mjs', import.meta.url).href;
    return { NODE_OPTIONS: `--import ${preload}`, VENDAVAL_CHAOS_CLOCK: this.path };
  }
}

scenario(
  {
    row: 24,
    title: 'the wall clock jumps by an hour, each way',
    invariant: 'no sale is late for it, no window closes early or not at all',
  },
  async (chaos) => {
    const windows = chaos.times(30, 3);
    const clock = await ClockFile.make(chaos);
    const scene = await chaos.scene({ partitions: PARTITIONS, rules: RULES });
    await createTopic(scene.brokers, `${scene.topic}.dlq`, {
      configs: { 'message.timestamp.after.max.ms': String(HOUR_MS), ...DEAD_LETTER_TOPIC_CONFIG },
    });
    const engine = scene.engine({}, { env: clock.env });
    const rubbish = { value: 'no sale', partition: 0 };
    const live = new LiveSales(chaos, scene, [0, 1, 2], [rubbish]);
    for (const [i, [name, offMs]] of JUMPS.entries()) {
      await clock.set(offMs);
      const isThere = () => Math.abs(lastLineMs() - Date.now() - offMs) < HOUR_MS / 2;
      const lastLineMs = () => Date.parse(String(engine.lines.at(-1)?.time));
      await engine.until(isThere, `its clock is ${name}`);
      chaos.spread(`closed late, ${name}`, await closeDelays(scene, engine, windows), 'ms');
      chaos.progress(i + 1, JUMPS.length);
    }
    await live.stop();
    await scene.untilDrained(engine);
    engine.signal('SIGTERM');
    await engine.endsWell();
    // A window that had closed early would have been corrected.
    const oracle = await scene.expectExact();
    const reasons = new Set([...oracle.deadLetters.values()].map(({ reason }) => reason));
    expect([...reasons]).toEqual(['not_json']);
    expect(sums(oracle).counted).toBe(live.sent);
    chaos.figure('sales', live.sent);
    chaos.figure('events lost', live.sent - sums(oracle).counted);
  },
);
