import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PROFILE_NAMES, PROFILES, phasesOf } from '../../../src/load/profiles.ts';
import { Schedule, shareOf } from '../../../src/load/schedule.ts';

const NO_LIMIT = Number.MAX_SAFE_INTEGER;

describe('the table of profiles', () => {
  it.each(PROFILE_NAMES)('%s has phases that fill its time, and reaches its peak', (name) => {
    const phases = phasesOf(name, {});
    expect(phases.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 12);
    expect(Math.max(...phases.flatMap(({ from, to }) => [from, to]))).toBe(1);
    for (const { hot, disorder, late, malformed, poison } of phases) {
      expect(disorder + late + malformed + poison).toBeLessThanOrEqual(1);
      expect(hot).toBeLessThanOrEqual(1);
    }
  });

  it('has the phases of a black Friday, of which midnight is the steepest', () => {
    const phases = phasesOf('black-friday', {});
    const steepest = [...phases].sort(
      (a, b) => (b.to - b.from) / b.share - (a.to - a.from) / a.share,
    );
    expect(steepest[0].name).toBe('midnight');
    expect(phases.find(({ name }) => name === 'spike')).toMatchObject({ from: 1, to: 1 });
  });

  it('gives way to the shares that are given, and only to those', () => {
    const [phase] = phasesOf('black-friday', { late: 0.5, hot: undefined });
    expect(phase).toEqual({ ...PROFILES['black-friday'][0], late: 0.5 });
  });
});

describe('docs/LOAD.md', () => {
  it('has the table as it is', () => {
    const text = readFileSync(new URL('../../../docs/LOAD.md', import.meta.url), 'utf8');
    const percent = (share: number) =>
      share === 0 ? '0' : `${Number((100 * share).toFixed(3))} %`;
    const rows = PROFILE_NAMES.flatMap((profile) =>
      phasesOf(profile, {}).map((phase, i) => {
        const { name, share, from, to, hot, disorder, late, malformed, poison } = phase;
        const first = i === 0 ? `| \`${profile}\`` : '|';
        const rate = from === to ? percent(to) : `${100 * from} to ${percent(to)}`;
        const shares = [hot, disorder, late, malformed, poison].map(percent);
        return [first, name, percent(share), rate, ...shares, ''].join(' | ').trim();
      }),
    );
    expect(text).toContain(rows.join('\n'));
  });
});

describe('a schedule', () => {
  it('of a constant rate has one sale every so many milliseconds', () => {
    const schedule = new Schedule(phasesOf('constant', {}), 4, 10_000, NO_LIMIT);
    expect(schedule.total).toBe(40);
    expect([0, 1, 39].map((index) => schedule.dueMs(index))).toEqual([250, 500, 10_000]);
    expect([0, 249, 250, 9999, 10_000, 1e9].map((ms) => schedule.dueBy(ms))).toEqual([
      ...[0, 0, 1, 39, 40, 40],
    ]);
    expect(schedule.rateAt(5000)).toBe(4);
    expect(schedule.rateAt(10_000)).toBe(0);
  });

  it('of a ramp has half the sales of its peak, most of them late', () => {
    const schedule = new Schedule(phasesOf('ramp', {}), 1000, 10_000, NO_LIMIT);
    expect(schedule.total).toBe(5000);
    expect(schedule.dueBy(5000)).toBe(1250);
    expect(schedule.rateAt(2500)).toBeCloseTo(250, 9);
  });

  it('ends with the count that it may have', () => {
    const schedule = new Schedule(phasesOf('constant', {}), 100, 10_000, 7);
    expect(schedule.total).toBe(7);
    expect(schedule.dueBy(9000)).toBe(7);
  });

  const any = fc.record({
    name: fc.constantFrom(...PROFILE_NAMES),
    peak: fc.double({ min: 0.5, max: 2_000_000, noNaN: true }),
    durationMs: fc.integer({ min: 100, max: 7_200_000 }),
  });

  it('says of each sale when it is due, as it says how many are due by then', () => {
    fc.assert(
      fc.property(any, fc.double({ min: 0, max: 1, noNaN: true }), (load, where) => {
        const phases = phasesOf(load.name, {});
        const schedule = new Schedule(phases, load.peak, load.durationMs, NO_LIMIT);
        fc.pre(schedule.total > 0);
        const index = Math.floor(where * (schedule.total - 1));
        const dueMs = schedule.dueMs(index);
        const slackMs = 1e-6 * load.durationMs;
        expect(dueMs).toBeGreaterThan(0);
        expect(dueMs).toBeLessThanOrEqual(load.durationMs);
        expect(schedule.dueBy(dueMs + slackMs)).toBeGreaterThan(index);
        expect(schedule.dueBy(dueMs - slackMs)).toBeLessThanOrEqual(index + 1);
        if (index > 0) expect(schedule.dueMs(index - 1)).toBeLessThanOrEqual(dueMs);
        expect(schedule.dueBy(load.durationMs)).toBe(schedule.total);
      }),
    );
  });

  it('gives each sale the phase in which it is due', () => {
    fc.assert(
      fc.property(any, (load) => {
        const phases = phasesOf(load.name, {});
        const schedule = new Schedule(phases, load.peak, load.durationMs, NO_LIMIT);
        let index = 0;
        const met: string[] = [];
        while (index < schedule.total) {
          const { phase, endIndex } = schedule.phaseOfSale(index);
          expect(endIndex).toBeGreaterThan(index);
          met.push(phase.name);
          index = endIndex;
        }
        const names = phases.map(({ name }) => name);
        expect(names.filter((name) => met.includes(name))).toEqual(met);
      }),
    );
  });

  it('is shared out among partitions without a rest', () => {
    fc.assert(
      fc.property(fc.nat(1_000_000), fc.integer({ min: 1, max: 200 }), (count, lanes) => {
        const shares = Array.from({ length: lanes }, (_, lane) => shareOf(count, lane, lanes));
        expect(shares.reduce((sum, share) => sum + share, 0)).toBe(count);
        expect(shares[0] - shares[lanes - 1]).toBeLessThanOrEqual(1);
        // Sale i of a lane is number i * lanes + lane of all.
        shares.forEach((share, lane) => {
          if (share > 0) expect((share - 1) * lanes + lane).toBeLessThan(count);
          expect(share * lanes + lane).toBeGreaterThanOrEqual(count);
        });
      }),
    );
  });
});
