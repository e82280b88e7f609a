/**
 * Late sales and letters that are sent back, with kills between the steps of both: the engine dies
 * around its totals and its progress while late sales correct windows twice, and each letter is sent
 * back by replays that die before and after their transaction.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { EngineProcess } from '../../parts/engine-process.ts';
import { plainSale } from '../../parts/sales.ts';
import type { Scene } from '../../parts/scene.ts';
import { readTopic, uniqueName } from '../../parts/topic.ts';
import { armed } from '../fail-trace.ts';
import { type Chaos, scenario } from '../scenario.ts';

const MINUTE_MS = 60_000;
const START_MS = Date.UTC(2024, 10, 29, 12);
const PARTITIONS = 3;
const WINDOWS = 40;
const MORE_ROUNDS_MAX = 10;
const REPLAY_OF = 'vendaval-replay-of';
const ENGINE_POINTS = ['after-totals', 'in-progress', 'in-drain', 'after-progress'] as const;
const REPLAY_POINTS = ['in-transaction', 'after-transaction'] as const;

scenario(
  {
    row: 26,
    title: 'late sales corrected twice and sent back twice, with kills between',
    invariant: 'each counts once: totals equal the oracle',
  },
  async (chaos) => {
    const scene = await chaos.scene({
      partitions: PARTITIONS,
      rules: { late: 'count' },
      flags: { 'flush-interval': '20ms' },
    });
    const roundsMin = chaos.times(6, 1);
    await scene.produce(sales(PARTITIONS, START_MS + 10 * WINDOWS * MINUTE_MS, '1.00'));
    await scene.drain();
    let kills = 0;
    let begunAgain = 0;
    let rounds = 0;
    // Until late registers that were ahead of the progress were met: a kill leaves them often.
    while (rounds < roundsMin || (begunAgain === 0 && rounds < roundsMin + MORE_ROUNDS_MAX)) {
      for (const point of ENGINE_POINTS) {
        await scene.produce(late(chaos, 300));
        // A group of its own: waiting for a dead member is another scenario's.
        const engine = scene.engine({ group: uniqueName('group') }, armed(`${point}:kill`));
        await engine.endsBy('SIGKILL');
        kills++;
        if (engine.has('begins-again')) begunAgain++;
      }
      rounds++;
      chaos.progress(Math.min(rounds, roundsMin), roundsMin);
    }
    // Letters: late sales that were not read as such, and are repaired.
    const broken = late(chaos, 1500).map((one) => ({ ...one, value: `${one.value}x` }));
    await scene.produce(broken);
    await scene.drain();
    const file = await repaired(chaos, scene);
    for (const point of REPLAY_POINTS) {
      const replay = command(chaos, scene, file, armed(`${point}:kill`).env);
      await replay.endsBy('SIGKILL');
      kills++;
    }
    for (let again = 0; again < 2; again++) await command(chaos, scene, file).endsWell();
    await scene.drain();

    const times = await sentBack(scene);
    expect(times.size).toBe(broken.length);
    expect(new Set(times.values())).toEqual(new Set([1]));
    const corrected = (document: object) => 'corrigida_em' in document;
    const oracle = await scene.expectExact({ mayRepeat: true, corrected });
    const lateCounted = [...oracle.partitions.values()].map((one) => one.lateCounted);
    const sum = lateCounted.reduce((a, b) => a + b, 0);
    expect(sum).toBe(rounds * ENGINE_POINTS.length * 300 + broken.length);
    expect(begunAgain).toBeGreaterThan(0);
    chaos.figure('kills', kills);
    chaos.figure('leases begun again for late registers that were ahead', begunAgain);
    chaos.figure('late sales, counted once each', sum);
    chaos.figure('letters sent back, once each', times.size);
  },
);

const sales = (count: number, eventMs: number, valor: string) =>
  Array.from({ length: count }, (_, partition) => ({
    partition,
    timestamp: eventMs,
    value: plainSale(eventMs, valor),
  }));

/** Of windows that have closed, the same ones again and again. */
function late({ random }: Chaos, count: number) {
  return Array.from({ length: count }, () => ({
    partition: random.between(0, PARTITIONS - 1),
    timestamp: START_MS + 10 * WINDOWS * MINUTE_MS,
    value: plainSale(
      START_MS + random.between(0, WINDOWS * MINUTE_MS),
      `${random.between(1, 999)}.10`,
      random.pick(['Casa', 'Livros']),
    ),
  }));
}

function command(
  chaos: Chaos,
  scene: Scene,
  file: string,
  env: Readonly<Record<string, string>> = {},
): EngineProcess {
  const words = ['dlq', 'replay', '--from', file, '--yes', ...scene.flags()];
  return new EngineProcess(chaos, words, { main: chaos.engineMain, env });
}

async function repaired(chaos: Chaos, scene: Scene): Promise<string> {
  const words = ['dlq', 'show', '--limit', '100000', ...scene.flags()];
  const show = await new EngineProcess(chaos, words, { main: chaos.engineMain }).endsWell();
  const folder = await mkdtemp(join(tmpdir(), 'vendaval-replay-'));
  chaos.onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'corrigidas.jsonl');
  await writeFile(file, show.stdout.replaceAll('}x"', '}"'));
  return file;
}

async function sentBack({ brokers, topic }: Scene): Promise<Map<string, number>> {
  const times = new Map<string, number>();
  for (const { headers } of await readTopic(brokers, topic)) {
    for (const [name, value] of headers) {
      if (name === REPLAY_OF) times.set(String(value), (times.get(String(value)) ?? 0) + 1);
    }
  }
  return times;
}
