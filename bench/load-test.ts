/**
 * `npm run load-test`: the whole of it under load. A real broker and a database (or the ones that
 * --brokers and --mongo name), a topic of its own, an engine, `vendaval load --check`, and
 * `vendaval verify` at the end; then what was held, how late it was, who used what, and pass or
 * fail as exit code. `-- --small` takes seconds and judges exactness only; `-- --full` is the peak
 * of the 2020 Double 11: 583,000 sales a second for a minute.
 */
import { randomUUID } from 'node:crypto';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startEmbeddedDatabase } from '../src/mongo/embedded-database.ts';
import { EngineProcess } from '../test/parts/engine-process.ts';
import { startKafkaBroker } from '../test/parts/kafka-broker.ts';
import { type LoadTestReport, reportLines } from './parts/load-report.ts';
import { ProcessUsage } from './parts/process-usage.ts';

const { values } = parseArgs({
  options: {
    small: { type: 'boolean', default: false },
    full: { type: 'boolean', default: false },
    profile: { type: 'string' },
    rate: { type: 'string' },
    duration: { type: 'string' },
    format: { type: 'string', default: 'json' },
    seed: { type: 'string', default: '1' },
    partitions: { type: 'string', default: '3' },
    threads: { type: 'string' },
    brokers: { type: 'string' },
    mongo: { type: 'string' },
    'skip-verify': { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});

const size = values.full
  ? { profile: 'constant', rate: '583000', duration: '60s' }
  : values.small
    ? { profile: 'black-friday', rate: '10000', duration: '10s' }
    : { profile: 'black-friday', rate: '100000', duration: '60s' };
const { profile = size.profile, rate = size.rate, duration = size.duration } = values;
const isTerminal = process.stdout.isTTY === true && !values.json;
const START_LIMIT_MS = 120_000;
/** Sales of the load, from the first to the last; then verify, which reads all of it again. */
const LIMIT_MS = 3_600_000;

function step(message: string): void {
  process.stderr.write(
    isTerminal ? `· ${message}\n` : `${JSON.stringify({ code: 'step', message })}\n`,
  );
}

const count = (value: unknown) => Math.round(Number(value)).toLocaleString('en-US');
/** In reverse order at the end, however it comes. */
const cleanups: (() => Promise<void> | void)[] = [];
const ending = { onTestFinished: (action: () => Promise<void> | void) => cleanups.push(action) };

async function servers() {
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

async function run(): Promise<LoadTestReport> {
  const { brokers, mongo, pids } = await servers();
  const name = `load-test-${randomUUID().slice(0, 8)}`;
  const common = ['--brokers', brokers, '--mongo', mongo, '--topic', name, '--database', name];
  const vendaval = (...args: string[]) => new EngineProcess(ending, [...args, ...common]);
  await vendaval('topic', 'create', '--partitions', values.partitions).endsWell(START_LIMIT_MS);
  const engine = vendaval('engine', '--http', 'off', '--group', name);
  await engine.says('engine-started', '', START_LIMIT_MS);
  step(`${profile}, up to ${count(rate)} sales/s for ${duration}, as ${values.format}`);
  const oracle = join(tmpdir(), `${name}.json`);
  const load = vendaval(
    ...['load', '--check', '--profile', profile, '--rate', rate, '--duration', duration],
    ...['--format', values.format, '--seed', values.seed, '--oracle', oracle],
    ...(values.threads ? ['--threads', values.threads] : []),
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
  if (!values['skip-verify']) {
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

try {
  const report = await run();
  const { lines, passed } = reportLines(report);
  process.stdout.write(
    isTerminal ? `${lines.join('\n')}\n` : `${JSON.stringify({ passed, ...report })}\n`,
  );
  if (!isTerminal) process.stderr.write(`${lines.join('\n')}\n`);
  process.exitCode = passed ? 0 : 1;
} finally {
  for (const cleanup of cleanups.reverse()) await cleanup();
}
