#!/usr/bin/env node
/**
 * From arguments to a command, and from what it throws to an exit code. Commands are loaded when
 * they are called, so that none pays for the imports of another.
 */
import { readFileSync } from 'node:fs';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import type { Shell } from './commands/shell.ts';
import { OPTIONS, type OptionKey } from './config/options.ts';
import { OPTION_KEYS, type ResolvedSettings, resolveSettings } from './config/settings.ts';
import { codeOf, EXIT, type ExitCode, messageOf, VendavalError } from './lib/errors.ts';
import { parseDurationMs } from './lib/units.ts';
import { LOAD_FORMATS } from './load/load-protocol.ts';
import { PROFILE_NAMES } from './load/profiles.ts';

const CONFIG_ENV = 'VENDAVAL_CONFIG';

type Flags = Partial<Record<OptionKey, string>> & { config?: string };

/** A commander option name ("watermarkDelay") for each row of the table. */
const attributeOf = (flag: string) =>
  flag.slice(2).replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());

function withCommonFlags(command: Command): Command {
  for (const key of OPTION_KEYS) {
    const spec: {
      flag: string;
      argument?: string;
      text: string;
      env: string;
      defaultText: string;
    } = OPTIONS[key];
    const flags = spec.argument ? `${spec.flag} <${spec.argument}>` : spec.flag;
    const shown = spec.defaultText === '' ? '' : `, default ${spec.defaultText}`;
    command.option(flags, `${spec.text} (${spec.env}${shown})`);
  }
  return command.option('--config <file>', `JSON file with options by name (${CONFIG_ENV})`);
}

function readConfigFile(path: string | undefined): { path: string; content: unknown } | undefined {
  if (!path) return undefined;
  try {
    return { path, content: JSON.parse(readFileSync(path, 'utf8')) };
  } catch (error) {
    // Newer Nodes quote the text around the mistake, which may be a password.
    const why = messageOf(error).replace(/, (\.\.\.)?".*is not valid JSON$/s, ' in JSON');
    throw new VendavalError(`the config file ${path} cannot be used: ${why}`, {
      code: 'E_CONFIG',
      exitCode: EXIT.usage,
      hint: 'It must be a readable file with a JSON object such as {"topic": "black-friday-sales"}.',
    });
  }
}

function resolve(command: Command): ResolvedSettings {
  const given = command.optsWithGlobals<Record<string, string | boolean>>();
  const flags: Flags = {};
  for (const key of OPTION_KEYS) {
    const value = given[attributeOf(OPTIONS[key].flag)];
    if (value !== undefined) flags[key] = String(value);
  }
  const path = (given.config as string | undefined) ?? process.env[CONFIG_ENV];
  return resolveSettings({ flags, env: process.env, file: readConfigFile(path) });
}

type Action = (
  resolved: ResolvedSettings,
  shell: Shell,
  own: Record<string, never>,
) => Promise<ExitCode> | Promise<void>;

/** What a command ends with that did its work. */
let exitCode: ExitCode = EXIT.done;

/** Wraps a command's body: settings and shell in, so that each body has only its own work. */
function action(body: Action) {
  return async function run(this: Command): Promise<void> {
    const resolved = resolve(this);
    const { makeShell } = await import('./commands/shell.ts');
    exitCode = (await body(resolved, makeShell(resolved.settings.json), this.opts())) ?? EXIT.done;
  };
}

/** A share of a whole. */
const share = (text: string) => number(0, 1, false)(text);

function number(min: number, max: number, isWhole: boolean): (text: string) => number {
  return (text) => {
    const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max) || (isWhole && !Number.isInteger(value))) {
      const kind = isWhole ? 'a whole number' : 'a number';
      throw new InvalidArgumentError(`Expected ${kind} from ${min} to ${max}.`);
    }
    return value;
  };
}

function build(): Command {
  const program = new Command('vendaval')
    .description('Exact real-time sales totals from Kafka to MongoDB.')
    .version(JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version)
    .showSuggestionAfterError(true)
    .showHelpAfterError('hint:  vendaval --help shows commands and flags')
    .addHelpText(
      'after',
      `
Examples:
  $ vendaval demo                          everything in one process, nothing to install
  $ vendaval topic create                  the topic and its dead-letter topic
  $ vendaval produce --rate 2              two made-up sales a second
  $ vendaval load --rate 100000            a black Friday of a minute, and what must come of it
  $ vendaval                               the engine, with the defaults below
  $ vendaval engine --until-end            count what is there, then exit 0

Exit codes: 0 done, 1 failed, 2 usage, 3 data-loss guard, 4 verify found a difference`,
    );

  // A first word is a command: a mistyped one would else be an argument too many of the default.
  const isDefault = process.argv[2] === undefined || process.argv[2].startsWith('-');
  withCommonFlags(program.command('engine', { isDefault }))
    .description('count sales and keep the totals in MongoDB (the default command)')
    .option('--until-end', "drain to the log's present end, flush, commit, exit 0", false)
    .action(
      action(async ({ settings }, shell, own) => {
        const { runEngine } = await import('./commands/engine.ts');
        await runEngine(settings, { untilEnd: own.untilEnd }, shell);
      }),
    );

  withCommonFlags(program.command('produce'))
    .description('send made-up sales to the topic')
    .option('--rate <n>', 'sales a second', number(0.01, 1_000_000, false), 2)
    .option('--count <n>', 'stop after so many; 0 is until Ctrl+C', number(0, 1e12, true), 0)
    .option(
      '--format <name>',
      'how a sale is written: json or flatbuffers',
      oneOf(['json', 'flatbuffers']),
      'json',
    )
    .option('--seed <n>', 'make the same sales again', number(0, 2 ** 31 - 1, true))
    .action(
      action(async ({ settings }, shell, own) => {
        const { runProduce } = await import('./commands/produce.ts');
        const { brokers, topic } = settings;
        const { rate, count, format, seed } = own;
        await runProduce({ brokers, topic, rate, count, format, seed, json: shell.json }, shell);
      }),
    );

  withCommonFlags(program.command('load'))
    .description('load test: a profile of sales at a rate, and an exact oracle of what was sent')
    .option(
      '--profile <name>',
      'constant, ramp or black-friday',
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
    .option('--format <name>', LOAD_FORMATS.join(', '), oneOf(LOAD_FORMATS), 'json')
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
        const { runLoad } = await import('./commands/load.ts');
        const { profile, rate, duration: durationMs, count, format, seed } = own;
        const { hot, disorder, late, malformed, poison, batchBytes, oracle, check } = own;
        const shares = { hot, disorder, late, malformed, poison };
        const size = { profile, rate, durationMs, count, format, seed, batchBytes };
        return runLoad(settings, { ...size, shares, oracle, check }, shell);
      }),
    );

  withCommonFlags(program.command('demo'))
    .description('everything at once, on embedded parts: broker, database, producer, engine')
    .option('--real-time', 'windows of 1 minute and a delay of 2, as in production', false)
    .option('--rate <n>', 'made-up sales a second', number(0.01, 100_000, false), 5)
    .option('--duration <duration>', 'end by itself after so long, such as 30s', duration, 0)
    .action(
      action(async (resolved, shell, own) => {
        const { runDemo } = await import('./commands/demo.ts');
        const { realTime, rate, duration: durationMs } = own;
        await runDemo(resolved, { realTime, rate, durationMs }, shell);
      }),
    );

  withCommonFlags(program.command('verify'))
    .description('compare the totals with the log; may run beside an engine')
    .option('--from <time>', 'windows that start then or later, such as 2024-11-29T10:00')
    .option('--to <time>', 'windows that start before then')
    .option('--differences <n>', 'how many differences to show', number(0, 1_000_000, true), 50)
    .action(
      action(async (resolved, shell, own) => {
        const { runVerify } = await import('./commands/verify.ts');
        return runVerify(resolved, own as never, shell);
      }),
    );

  withCommonFlags(program.command('doctor'))
    .description('look for what stands in the way of the engine, and say how to mend it')
    .option('--no-probe', 'write nothing: no record to a topic of its own, no document')
    .option('--timeout <duration>', 'longest time of each check', duration, 10_000)
    .action(
      action(async ({ settings }, shell, own) => {
        const { runDoctor } = await import('./commands/doctor.ts');
        const { probe, timeout } = own;
        return runDoctor(settings, { probe, timeout }, shell);
      }),
    );

  const topic = program.command('topic').description('make or show the topic');
  withCommonFlags(topic.command('create'))
    .description('create the topic and its dead-letter topic')
    .option('--partitions <n>', 'partitions of each', number(1, 10_000, true), 3)
    .option('--replication-factor <n>', 'replicas of each partition', number(1, 99, true), 1)
    .action(
      action(async ({ settings }, shell, own) => {
        const { runTopicCreate } = await import('./commands/topic.ts');
        const { partitions, replicationFactor } = own;
        await runTopicCreate(settings, { partitions, replicationFactor }, shell);
      }),
    );
  withCommonFlags(topic.command('describe'))
    .description('show partitions, leaders, replicas and ISR')
    .action(
      action(async ({ settings }, shell) => {
        const { runTopicDescribe } = await import('./commands/topic.ts');
        await runTopicDescribe(settings, shell);
      }),
    );

  const config = program.command('config').description('look at the configuration');
  withCommonFlags(config.command('print'))
    .description('print each value with its origin; secrets are masked')
    .action(
      action(async (resolved, shell) => {
        const { runConfigPrint } = await import('./commands/config-print.ts');
        runConfigPrint(resolved, shell);
      }),
    );
  return program;
}

function duration(text: string): number {
  const ms = parseDurationMs(text);
  if (Number.isNaN(ms)) throw new InvalidArgumentError('Expected a duration such as 30s or 5m.');
  return ms;
}

function oneOf<T extends string>(names: readonly T[]): (name: string) => T {
  return (name) => {
    const known = names.find((candidate) => candidate === name);
    if (known === undefined) throw new InvalidArgumentError(`Known: ${names.join(', ')}.`);
    return known;
  };
}

async function main(): Promise<void> {
  const program = build();
  const everyCommand = [
    program,
    ...program.commands,
    ...program.commands.flatMap((c) => c.commands),
  ];
  for (const command of everyCommand) command.exitOverride();
  try {
    await program.parseAsync();
    process.exitCode = exitCode;
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? EXIT.done : EXIT.usage;
      return;
    }
    // Stopped before there was anything to stop: as good an end as any other stop.
    if (codeOf(error) === 'E_STOPPED') {
      process.exitCode = EXIT.done;
      return;
    }
    const { printError } = await import('./commands/shell.ts');
    printError(error, process.stderr, !process.stderr.isTTY && process.argv.includes('--json'));
    process.exitCode = error instanceof VendavalError ? error.exitCode : EXIT.failed;
  }
}

await main();
