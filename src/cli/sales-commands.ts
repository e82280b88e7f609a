/** The commands that make sales: produce, load, and the demo with all around them. */
import { type Command, Option } from 'commander';
import { OPTION_KEYS } from '../config/settings.ts';
import { LOAD_FORMATS } from '../load/load-protocol.ts';
import { PROFILE_NAMES } from '../load/profiles.ts';
import {
  action,
  duration,
  KAFKA_KEYS,
  number,
  oneOf,
  STORE_KEYS,
  share,
  withCommonFlags,
} from './flags.ts';

export function addProduce(program: Command): void {
  withCommonFlags(program.command('produce'), KAFKA_KEYS, [
    'produce --rate 500',
    'produce --count 1000 --seed 7 --format flatbuffers',
    'produce --count 1 --ago 10m               one sale that is too late',
  ])
    .description('send made-up sales to the topic')
    .option('--rate <n>', 'sales a second', number(0.01, 1_000_000, false), 2)
    .option('--count <n>', 'stop after so many; 0 is until Ctrl+C', number(0, 1e12, true), 0)
    .option(
      '--format <json|flatbuffers>',
      'how a sale is written',
      oneOf(['json', 'flatbuffers']),
      'json',
    )
    .option('--seed <n>', 'make the same sales again', number(0, 2 ** 31 - 1, true))
    .option('--partition <n>', 'only to this partition', number(0, 9999, true))
    .option('--ago <duration>', 'date the sales so long ago, such as 5m', duration)
    .addOption(
      new Option(
        '--value <text>',
        'send this as it stands, once, in place of made-up sales',
      ).conflicts(['format', 'seed', 'ago']),
    )
    .action(
      action(async ({ settings }, shell, own) => {
        const { runProduce } = await import('../commands/produce.ts');
        const { kafkaAccess } = await import('../kafka/access.ts');
        const access = kafkaAccess(settings);
        const { topic } = settings;
        const { rate, count, format, seed, partition, ago: agoMs, value } = own;
        const sales = { rate, count, format, seed, partition, agoMs, value };
        await runProduce({ access, topic, ...sales, json: shell.json }, shell);
      }),
    );
}

export function addLoad(program: Command): void {
  withCommonFlags(
    program.command('load'),
    [...STORE_KEYS, 'threads'],
    [
      'load --topic load-1 --rate 100000 --duration 10m --check',
      'load --profile constant --rate 20000 --late 0.01 --malformed 0.001',
    ],
  )
    .description('load test: a profile of sales at a rate, and an exact oracle of what was sent')
    .option(
      `--profile <${PROFILE_NAMES.join('|')}>`,
      'how the rate goes',
      oneOf(PROFILE_NAMES),
      'black-friday',
    )
    .option('--rate <n>', "sales a second at the profile's peak", number(0.01, 1e8, false), 5000)
    .option('--duration <duration>', 'length of the profile', duration, 60_000)
    .option(
      '--count <n>',
      'stop after so many; 0 is when the profile ends',
      number(0, 1e12, true),
      0,
    )
    .option(
      `--format <${LOAD_FORMATS.join('|')}>`,
      'how a sale is written',
      oneOf(LOAD_FORMATS),
      'json',
    )
    .option('--seed <n>', 'make the same sales again', number(0, 2 ** 31 - 1, true))
    .option('--hot <share>', 'share of the hot category, Eletronicos', share)
    .option('--disorder <share>', 'share of sales out of order, up to the watermark delay', share)
    .option('--late <share>', 'share of sales whose window has closed', share)
    .option('--malformed <share>', 'share of values that are no sale', share)
    .option('--poison <share>', 'share of sales of a day that has not come', share)
    .option('--batch-bytes <n>', 'greatest record batch', number(32_768, 2 ** 26, true), 524_288)
    .option('--oracle <file>', 'where to write what must come out, or off', 'load-oracle.json')
    .option('--check', 'watch the engine count it, and compare the database with the oracle', false)
    .action(
      action(async ({ settings }, shell, own) => {
        const { runLoad } = await import('../commands/load.ts');
        const { profile, rate, duration: durationMs, count, format, seed } = own;
        const { hot, disorder, late, malformed, poison, batchBytes, oracle, check } = own;
        const shares = { hot, disorder, late, malformed, poison };
        const size = { profile, rate, durationMs, count, format, seed, batchBytes };
        return runLoad(settings, { ...size, shares, oracle, check }, shell);
      }),
    );
}

export function addDemo(program: Command): void {
  withCommonFlags(program.command('demo'), OPTION_KEYS, [
    'demo --rate 50',
    'demo --real-time --duration 10m',
    'demo --brokers localhost:9092             your Kafka, and the rest embedded',
    'demo --write-config demo.json             and in another terminal:',
    'produce --config demo.json --count 1      one more sale for the demo',
  ])
    .description('everything at once, on embedded parts: broker, database, producer, engine')
    .option('--real-time', 'windows of 1 minute and a delay of 2, as in production', false)
    .option('--rate <n>', 'made-up sales a second; 0 makes none', number(0, 100_000, false), 5)
    .option('--duration <duration>', 'end by itself after so long, such as 30s', duration, 0)
    .option('--no-engine', 'only broker, database and sales: the engines are yours to start')
    .option('--write-config <file>', 'write where all of it is, for --config in another terminal')
    .action(
      action(async (resolved, shell, own) => {
        const { runDemo } = await import('../commands/demo.ts');
        const { realTime, rate, duration: durationMs, engine: hasEngine, writeConfig } = own;
        await runDemo(resolved, { realTime, rate, durationMs, hasEngine, writeConfig }, shell);
      }),
    );
}
