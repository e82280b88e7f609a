/**
 * How much garbage a sale makes once the engine is warm: V8's own trace of its collections, over two
 * logs of different length, of which the difference is steady state. Writes garbage.md in
 * bench/results. `--sales N` is the shorter log's; the longer one has three times as many.
 *
 *     npm run build && node --import tsx bench/garbage.ts
 */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { parseArgs, promisify } from 'node:util';
import { preload } from './parts/preload.ts';
import { count, line, machineText, thisMachine } from './parts/results.ts';
import { type Servers, withServers } from './parts/rounds.ts';

interface Garbage {
  readonly sales: number;
  readonly collections: number;
  readonly freedBytes: number;
  readonly pauseMs: number;
}

const { values } = parseArgs({ options: { sales: { type: 'string', default: '10000000' } } });
const say = (message: string) => process.stderr.write(`· ${message}\n`);
const main = new URL('../dist/main.js', import.meta.url).pathname;
const MB = 1024 * 1024;

/** "[pid:isolate] 123 ms: Scavenge 5.1 (6.2) -> 4.0 (7.2) MB, 0.9 / 0.0 ms ...", in any thread. */
const COLLECTION =
  /^\[\d+:0x[0-9a-f]+\].* ([\d.]+) \([\d.]+\) -> ([\d.]+) \([\d.]+\) MB, ([\d.]+) /gm;

async function collected(servers: Servers, sales: number): Promise<Garbage> {
  const name = `garbage-${sales}`;
  const plan = { brokers: servers.brokers, topic: name, sales };
  await preload({ ...plan, format: 'json', codec: 'none' }, say);
  const where = ['--brokers', servers.brokers, '--mongo', servers.mongoUrl, '--topic', name];
  const own = ['--database', name, '--group', name, '--http', 'off', '--json'];
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--trace-gc', main, 'engine', '--until-end', ...where, ...own],
    { maxBuffer: 64 * MB, timeout: 300_000 },
  );
  const done = stdout.split('\n').find((text) => text.includes('"code":"done"'));
  if (!done || JSON.parse(done).counted !== sales) throw new Error(`not all was counted: ${done}`);
  const all = [...stdout.matchAll(COLLECTION)].map(([, before, after, ms]) => ({
    freedBytes: (Number(before) - Number(after)) * MB,
    ms: Number(ms),
  }));
  if (all.length === 0) throw new Error('V8 traced no collection');
  return {
    sales,
    collections: all.length,
    freedBytes: all.reduce((sum, { freedBytes }) => sum + freedBytes, 0),
    pauseMs: all.reduce((sum, { ms }) => sum + ms, 0),
  };
}

const row = (title: string, { sales, collections, freedBytes, pauseMs }: Garbage) =>
  line([
    title,
    count(sales),
    count(collections),
    (freedBytes / MB).toFixed(1),
    pauseMs.toFixed(1),
    (freedBytes / sales).toFixed(2),
  ]);

await withServers(say, async (servers) => {
  const short = await collected(servers, Number(values.sales));
  const long = await collected(servers, 3 * Number(values.sales));
  const text = [
    '# Garbage',
    '',
    `${machineText(thisMachine())} The engine over a whole log, durable and committed, all threads ` +
      "together, by V8's trace (`--trace-gc`). The difference of two logs leaves out what the start " +
      'makes. Made by `bench/garbage.ts`.',
    '',
    '| log | sales | collections | freed, MB | paused, ms | bytes a sale |',
    '|---|---:|---:|---:|---:|---:|',
    row('short', short),
    row('long', long),
    row('difference', {
      sales: long.sales - short.sales,
      collections: long.collections - short.collections,
      freedBytes: long.freedBytes - short.freedBytes,
      pauseMs: long.pauseMs - short.pauseMs,
    }),
    '',
  ].join('\n');
  writeFileSync(new URL('./results/garbage.md', import.meta.url), text);
  process.stdout.write(text);
});
