/**
 * The engine's core under a seeded scheduler (test/simulation): histories of crashes, freezes,
 * rebalances, failovers, and of messages that are lost, late and repeated, each judged at every
 * step and at its end. Here from seeds that no other run has had, and some of them twice.
 */
import { expect } from 'vitest';
import { Fleet } from '../../simulation/fleet.ts';
import { scenario } from '../scenario.ts';

const HOUR_MS = 3_600_000;
const TWICE = 100;

scenario(
  {
    row: 22,
    title: 'histories of the core under a seeded scheduler',
    invariant: 'every promise at every step; a seed makes its history again',
  },
  async (chaos) => {
    const count = chaos.times(50_000, 1000);
    const from = chaos.seed;
    const fleet = await Fleet.start();
    chaos.onTestFinished(() => fleet.close());
    const startMs = performance.now();
    const tally = await fleet.run({
      from,
      count,
      onProgress: ({ histories }) => chaos.progress(histories, count),
    });
    const seconds = (performance.now() - startMs) / 1000;
    const twice = { from, count: TWICE };
    const hashes = [(await fleet.run(twice)).hash, (await fleet.run(twice)).hash];
    chaos.figure('histories', tally.histories);
    chaos.figure('histories that went wrong', tally.failures.length);
    chaos.figure('simulated time', tally.simulatedMs / HOUR_MS, 'h');
    chaos.figure('steps', tally.steps);
    chaos.figure('starts of an engine', tally.lives);
    chaos.figure('records', tally.records);
    chaos.figure('histories a second', tally.histories / seconds);
    expect(tally.failures).toEqual([]);
    expect(tally.histories).toBe(count);
    expect(hashes[1]).toBe(hashes[0]);
  },
);
