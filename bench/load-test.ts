/**
 * `npm run load-test`: the whole of it under load. A real broker and a database (or the ones that
 * --brokers and --mongo name), a topic of its own, an engine, `vendaval load --check`, and
 * `vendaval verify` at the end; then what was held, how late it was, who used what, and pass or
 * fail as exit code. `-- --small` takes seconds and judges exactness only; `-- --full` is the peak
 * of the 2020 Double 11: 583,000 sales a second for a minute. `-- --latency` goes through four rates
 * with windows of 20 s and a delay of 10 s, and writes bench/results/latency.md.
 */
import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { findFreePort } from '../src/mongo/child-processes.ts';
import { startEmbeddedDatabase } from '../src/mongo/embedded-database.ts';
import { EngineProcess } from '../test/parts/engine-process.ts';
import { startKafkaBroker } from '../test/parts/kafka-broker.ts';
import { type LoadTestReport, latencyTable, reportLines } from './parts/load-report.ts';
import { ProcessUsage } from './parts/process-usage.ts';

const { values } = parseArgs({
  options: {
    small: { type: 'boolean', default: false },
    full: { type: 'boolean', default: false },
    latency: { type: 'boolean', default: false },
    profile: { type: 'string' },
    rate: { type: 'string' },
    duration: { type: 'string' },
    format: { type: 'string', default: 'json' },
    seed: { type: 'string', default: '1' },
    partitions: { type: 'string', default: '3' },
    threads: { type: 'string' },
    window: { type: 'string', default: '1m' },
    'watermark-delay': { type: 'string', default: '2m' },
    brokers: { type: 'string' },
    mongo: { type: 'string' },
    'skip-verify': { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});

const sizes = values.full
  ? { profile: 'constant', rate: '583000', duration: '60s' }
  : values.small
    ? { profile: 'black-friday', rate: '10000', duration: '10s' }
    : { profile: 'black-friday', rate: '100000', duration: '60s' };
const isTerminal = process.stdout.isTTY === true && !values.json;
const START_LIMIT_MS = 120_000;
/** Sales of the load, from the first to the last; then verify, which reads all of it again. */
const LIMIT_MS = 3_600_000;
const LATENCY_RATES = ['2', '5000', '100000', '583000'];
/** Two windows of 20 s close in it. */
const LATENCY_DURATION = '85s';

function step(message: string): void {
  process.stderr.write(
    isTerminal ? `· ${message}\n` : `${JSON.stringify({ code: 'step', message })}\n`,
  );
}

const count = (value: unknown) => Math.round(Number(value)).toLocaleString('en-US');
/** In reverse order at the end, however it comes. */
const cleanups: (() => Promise<void> | void)[] = [];
const ending = { onTestFinished: (action: () => Promise<void> | void) => cleanups.push(action) };

interface Servers {
  readonly brokers: string;
  readonly mongo: string;
  readonly pids: Readonly<Record<string, number>>;
}

async function servers(): Promise<Servers> {
  const pids: Record<string, number> = {};
  let { brokers, mongo } = values;
  if (!brokers) {
    const broker = await startKafkaBroker({ onStep: step, heapMb: 1024 });
    cleanups.push(() => broker.stop());
    brokers = broker.brokers;
    pids.broker = broker.pid;
  }
  if (!mongo) {
    const database = await startEmbeddedDatabase({ onStep: step });
    cleanups.push(() => database.stop());
    mongo = database.url;
    pids.database = database.pid;
  }
  return { brokers, mongo, pids };
}

/** Shows each line of the load as it comes, and gathers how far the engine was behind. */
function follow(load: EngineProcess): { notVisibleMax: () => number; stop: () => void } {
  let shown = 0;
  let notVisibleMax = 0;
  const look = () => {
    for (; shown < load.lines.length; shown++) {
      const line = load.lines[shown];
      if (line.code === 'load-behind' || line.code.startsWith('E_')) step(String(line.msg));
      if (line.code !== 'load') continue;
      const visible = line.visible as { notVisible: number; sinceSentMs: { p50: number } | null };
      notVisibleMax = Math.max(notVisibleMax, visible.notVisible);
      step(
        `${line.phase}: ${count(line.rate)} of ${count(line.targetRate)} sales/s, ` +
          `${count(line.lagMs)} ms behind, ${count(visible.notVisible)} not yet visible`,
      );
    }
  };
  const timer = setInterval(look, 500);
  return {
    notVisibleMax: () => notVisibleMax,
    stop() {
      clearInterval(timer);
      look();
    },
  };
}

/** A group's first member gets its partitions after seconds, which are not what a load shows. */
async function readsAll(url: string): Promise<boolean> {
  const response = await fetch(url).catch(() => null);
  if (!response?.ok) return false;
  const { partitions } = (await response.json()) as { partitions: { state: string }[] };
  const reading = partitions.filter(({ state }) => state === 'fetching');
  return reading.length === Number(values.partitions);
}

interface Size {
  readonly profile: string;
  readonly rate: string;
  readonly duration: string;
  readonly window: string;
  readonly delay: string;
  readonly verifies: boolean;
}

async function run({ brokers, mongo, pids }: Servers, size: Size): Promise<LoadTestReport> {
  const { profile, rate, duration, window, delay } = size;
  const windows = ['--window', window, '--watermark-delay', delay];
  const name = `load-test-${randomUUID().slice(0, 8)}`;
  const common = ['--brokers', brokers, '--mongo', mongo, '--topic', name, '--database', name];
  const vendaval = (...args: string[]) => new EngineProcess(ending, [...args, ...common]);
  await vendaval('topic', 'create', '--partitions', values.partitions).endsWell(START_LIMIT_MS);
  const http = `127.0.0.1:${await findFreePort()}`;
  const engine = vendaval('engine', '--http', http, '--group', name, ...windows);
  await engine.until(
    () => readsAll(`http://${http}/api/partitions`),
    'the engine reads every partition',
    START_LIMIT_MS,
  );
  step(`${profile}, up to ${count(rate)} sales/s for ${duration}, as ${values.format}`);
  const oracle = join(tmpdir(), `${name}.json`);
  const load = vendaval(
    ...['load', '--check', '--profile', profile, '--rate', rate, '--duration', duration],
    ...['--format', values.format, '--seed', values.seed, '--oracle', oracle],
    ...(values.threads ? ['--threads', values.threads] : []),
    ...windows,
  );
  const processes = { load: load.pid, engine: engine.pid, ...pids };
  const usage = new ProcessUsage(processes);
  const progress = follow(load);
  await load.until(() => load.done !== undefined || load.hasExited, 'the load ends', LIMIT_MS);
  const used = usage.stop();
  await load.until(() => load.hasExited, 'the load is checked', LIMIT_MS);
  progress.stop();
  const { code } = await load.exited;
  if (code !== 0 && code !== 4) throw new Error(`the load failed:\n${load.stderr}`);
  engine.signal('SIGTERM');
  await engine.endsWell(START_LIMIT_MS);
  let verified: boolean | null = null;
  if (size.verifies) {
    step('vendaval verify reads all of it again');
    const verify = vendaval('verify');
    verified = (await verify.end(LIMIT_MS)).code === 0;
    if (!verified) step(verify.stdout.slice(-2000));
  }
  return {
    size: {
      profile,
      rate: Number(rate),
      duration,
      format: values.format,
      partitions: values.partitions,
    },
    machine: `${cpus().length} cores of ${cpus()[0].model.trim()}, Node ${process.version}`,
    done: load.done as never,
    checked: load.lines.find((line) => line.code === 'checked') as never,
    notVisibleMax: progress.notVisibleMax(),
    used,
    verified,
    judgesRate: !values.small,
  };
}

async function once(parts: Servers): Promise<void> {
  const size: Size = {
    profile: values.profile ?? sizes.profile,
    rate: values.rate ?? sizes.rate,
    duration: values.duration ?? sizes.duration,
    window: values.window,
    delay: values['watermark-delay'],
    verifies: !values['skip-verify'],
  };
  const report = await run(parts, size);
  const { lines, passed } = reportLines(report);
  if (!isTerminal) process.stdout.write(`${JSON.stringify({ passed, ...report })}\n`);
  (isTerminal ? process.stdout : process.stderr).write(`${lines.join('\n')}\n`);
  process.exitCode = passed ? 0 : 1;
}

/** Every rate in a run of its own, one after the other on the same servers. */
async function latencies(parts: Servers): Promise<void> {
  const reports: LoadTestReport[] = [];
  for (const rate of values.rate?.split(',') ?? LATENCY_RATES) {
    const duration = values.duration ?? LATENCY_DURATION;
    const size = { profile: 'constant', rate, duration, window: '20s', delay: '10s' };
    reports.push(await run(parts, { ...size, verifies: false }));
  }
  const text = latencyTable(reports);
  process.stdout.write(isTerminal ? text : `${JSON.stringify({ reports })}\n`);
  if (!isTerminal) process.stderr.write(text);
  writeFileSync(new URL('./results/latency.md', import.meta.url), text);
  process.exitCode = reports.every(({ checked }) => checked.exact) ? 0 : 1;
}

try {
  const parts = await servers();
  await (values.latency ? latencies(parts) : once(parts));
} finally {
  for (const cleanup of cleanups.reverse()) await cleanup();
}
