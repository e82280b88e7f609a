/**
 * npm run fuzz -- --cases 1000000 --seed 1: what the engine makes of changed responses, batches,
 * values and bombs (test/parts/fuzz.ts). A case is wrong when its sums are, when it throws what is no
 * reason, when it takes more than a minute of processor time, or when the process's memory passes
 * the cap with it: all of it (resident), by the kernel's own high-water mark, read after each case.
 * Ends with 1 then, and keeps the seed in test/corpus/responses, which the tests replay.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Worker } from 'node:worker_threads';
import { fuzzCase } from '../test/parts/fuzz.ts';

const CORPUS = new URL('../test/corpus/responses/seeds.json', import.meta.url);
const TOLD_EACH = 50_000;
const PAUSED_EACH = 500;
const FAILURES_MAX = 20;
/** Of processor time, so that a machine that is busy or a process that is stopped is no hang. */
const CASE_CPU_MS_MAX = 60_000;
const WATCH_MS = 1000;

const { values } = parseArgs({
  options: {
    cases: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
    'memory-mb': { type: 'string', default: '1024' },
  },
});
const cases = Number(values.cases);
const first = Number(values.seed);
const capMb = Number(values['memory-mb']);
if (![cases, first, capMb].every(Number.isSafeInteger) || cases < 1 || capMb < 1) {
  console.error('error: --cases, --seed and --memory-mb take whole numbers');
  process.exit(2);
}

/** Which case is under way, counted from the first; a case that hangs leaves it where it is. */
const underWay = new Int32Array(new SharedArrayBuffer(4));
const WATCHDOG = `
const { workerData: { underWay, first, cpuMsMax, watchMs } } = require('node:worker_threads');
const cpuMs = () => { const { user, system } = process.cpuUsage(); return (user + system) / 1000; };
let seen = -1;
let sinceMs = 0;
setInterval(() => {
  const now = Atomics.load(underWay, 0);
  if (now !== seen) { seen = now; sinceMs = cpuMs(); }
  if (cpuMs() - sinceMs < cpuMsMax) return;
  require('node:fs').writeSync(2, 'wrong: seed ' + (first + now) + ': it hangs\\n');
  process.kill(process.pid, 'SIGKILL');
}, watchMs);
`;
const watchdog = new Worker(WATCHDOG, {
  eval: true,
  workerData: { underWay, first, cpuMsMax: CASE_CPU_MS_MAX, watchMs: WATCH_MS },
});

/**
 * As between two fetches of the engine: zlib gives the memory of a failed decompression back in a turn
 * of the event loop, and a bomb's buffers lie outside the heap, where they would be collected late.
 */
setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');
async function pause(): Promise<void> {
  await setImmediate();
  collectGarbage();
}

const peakMb = () => process.resourceUsage().maxRSS / 1024;

const outcomes: Record<string, number> = {};
const wrong: number[] = [];
let slowestMs = 0;
let slowestSeed = first;
const startMs = performance.now();
for (let seed = first; seed < first + cases && wrong.length < FAILURES_MAX; seed++) {
  Atomics.store(underWay, 0, seed - first);
  const caseMs = performance.now();
  try {
    const outcome = fuzzCase(seed);
    if (/^(bomb|claim)/.test(outcome)) await pause();
    if (peakMb() > capMb) throw new Error(`${Math.round(peakMb())} MB, more than ${capMb}`);
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  } catch (error) {
    wrong.push(seed);
    console.error(`wrong: seed ${seed}: ${error instanceof Error ? error.message : error}`);
  }
  const tookMs = performance.now() - caseMs;
  if (tookMs > slowestMs) [slowestMs, slowestSeed] = [tookMs, seed];
  const done = seed - first + 1;
  if (done % PAUSED_EACH === 0) await pause();
  if (done % TOLD_EACH === 0) console.error(`${done} of ${cases} cases, ${wrong.length} wrong`);
}
await watchdog.terminate();
const seconds = (performance.now() - startMs) / 1000;
console.log(
  JSON.stringify(
    {
      cases: Object.values(outcomes).reduce((sum, count) => sum + count, 0) + wrong.length,
      wrong: wrong.length,
      seconds: Math.round(seconds),
      cpuSeconds: Math.round(process.cpuUsage().user / 1e6 + process.cpuUsage().system / 1e6),
      peakMemoryMb: Math.round(peakMb()),
      memoryCapMb: capMb,
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
