/**
 * npm run fuzz -- --cases 1000000 --seed 1: the engine's reading of responses under changed bytes
 * (test/parts/fuzz.ts). Ends with 1 when a case was wrong, and keeps its seed in
 * test/corpus/responses, which the tests replay. Run it under a memory cap to hold it to one:
 * node --max-old-space-size=256, and the peak of all memory is shown.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { fuzzCase } from '../test/parts/fuzz.ts';

const CORPUS = new URL('../test/corpus/responses/seeds.json', import.meta.url);
const TOLD_EACH = 50_000;
const FAILURES_MAX = 20;

const { values } = parseArgs({
  options: {
    cases: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
  },
});
const cases = Number(values.cases);
const first = Number(values.seed);
if (!Number.isSafeInteger(cases) || !Number.isSafeInteger(first) || cases < 1) {
  console.error('error: --cases and --seed take whole numbers');
  process.exit(2);
}

const outcomes: Record<string, number> = {};
const wrong: number[] = [];
let slowestMs = 0;
let slowestSeed = first;
const startMs = performance.now();
for (let seed = first; seed < first + cases && wrong.length < FAILURES_MAX; seed++) {
  const caseMs = performance.now();
  try {
    const outcome = fuzzCase(seed);
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  } catch (error) {
    wrong.push(seed);
    console.error(`wrong: seed ${seed}: ${error instanceof Error ? error.message : error}`);
  }
  const tookMs = performance.now() - caseMs;
  if (tookMs > slowestMs) [slowestMs, slowestSeed] = [tookMs, seed];
  const done = seed - first + 1;
  if (done % TOLD_EACH === 0) console.error(`${done} of ${cases} cases, ${wrong.length} wrong`);
}
const seconds = (performance.now() - startMs) / 1000;
const peakMb = process.resourceUsage().maxRSS / 1024;
console.log(
  JSON.stringify(
    {
      cases: Object.values(outcomes).reduce((sum, count) => sum + count, 0) + wrong.length,
      wrong: wrong.length,
      seconds: Math.round(seconds),
      peakMemoryMb: Math.round(peakMb),
      slowestCase: { seed: slowestSeed, ms: Math.round(slowestMs) },
      outcomes: Object.fromEntries(Object.entries(outcomes).sort()),
    },
    null,
    2,
  ),
);
if (wrong.length > 0) {
  const kept: { seeds: number[] } = JSON.parse(readFileSync(CORPUS, 'utf8'));
  kept.seeds = [...new Set([...kept.seeds, ...wrong])].sort((a, b) => a - b);
  writeFileSync(CORPUS, `${JSON.stringify(kept)}\n`);
  process.exit(1);
}
