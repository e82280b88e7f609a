#!/usr/bin/env node
/**
 * From arguments to a command, and from what it throws to an exit code. Commands are loaded when
 * they are called, so that none pays for the imports of another.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { Argument, Command, CommanderError, Help, InvalidArgumentError, Option } from 'commander';
import type { Shell } from './commands/shell.ts';
import { OPTION_GROUPS, OPTIONS, type OptionKey } from './config/options.ts';
import {
  OPTION_KEYS,
  type ResolvedSettings,
  resolveSettings,
  settingsWarnings,
} from './config/settings.ts';
import { codeOf, EXIT, type ExitCode, messageOf, VendavalError } from './lib/errors.ts';
import { parseDurationMs } from './lib/units.ts';
import { LOAD_FORMATS } from './load/load-protocol.ts';
import { PROFILE_NAMES } from './load/profiles.ts';
import { REASONS } from './sale/reasons.ts';

const CONFIG_ENV = 'VENDAVAL_CONFIG';
/** A hundred years: a date so long ago is still one. */
const DURATION_MS_MAX = 36_500 * 86_400_000;

type Flags = Partial<Record<OptionKey, string>> & { config?: string };

/** A commander option name ("watermarkDelay") for each row of the table. */
const attributeOf = (flag: string) =>
  flag.slice(2).replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());

/** Flags that mean something else in a command: there the option is a variable, or in the file. */
const OWN_MEANING: Readonly<Record<string, readonly OptionKey[]>> = { load: ['late'] };
const commonKeys = (command: Command) =>
  OPTION_KEYS.filter((key) => !OWN_MEANING[command.name()]?.includes(key));

/**
 * Every command takes every option, since variables and a config file are for all of them; its
 * help shows those that matter to it.
 *
 * @param used what matters to it; everything by default
 */
function withCommonFlags(
  command: Command,
  used: readonly OptionKey[] = OPTION_KEYS,
  examples: readonly string[] = [],
): Command {
  for (const key of commonKeys(command)) {
    const spec: {
      flag: string;
      argument?: string;
      text: string;
      env: string;
      defaultText: string;
      hasNoFlag?: true;
    } = OPTIONS[key];
    if (spec.hasNoFlag) continue;
    const flags = spec.argument ? `${spec.flag} <${spec.argument}>` : spec.flag;
    const shown = spec.defaultText === '' ? '' : `, default ${spec.defaultText}`;
    const option = new Option(flags, `${spec.text} (${spec.env}${shown})`);
    option.helpGroup(OPTION_GROUPS[key]).hideHelp(!used.includes(key));
    command.addOption(option);
  }
  const file = new Option('--config <file>', `JSON file with options by name (${CONFIG_ENV})`);
  command.addOption(file.helpGroup(OPTION_GROUPS.json));
  return examples.length === 0 ? command : command.addHelpText('after', exampleText(examples));
}

const exampleText = (examples: readonly string[]) =>
  `\nExamples:\n${examples.map((line) => `  $ vendaval ${line}`).join('\n')}`;

/** A command's own options come before those of all. */
function ownFirst(this: Help, ...given: Parameters<Help['groupItems']>) {
  const groups: [string, unknown[]][] = [...Help.prototype.groupItems.call(this, ...given)];
  const isOwn = ([name]: [string, unknown[]]) => Number(name !== 'Options:');
  return new Map(groups.sort((a, b) => isOwn(a) - isOwn(b))) as never;
}

const SECURITY_KEYS = OPTION_KEYS.filter((key) => key.startsWith('kafka'));
const KAFKA_KEYS: OptionKey[] = ['brokers', ...SECURITY_KEYS, 'topic', 'json'];
const STORE_KEYS: OptionKey[] = [
  ...KAFKA_KEYS,
  'deadLetterTopic',
  'mongo',
  'database',
  'collection',
];

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

/** The settings of a command that has been parsed. */
export function resolve(command: Command): ResolvedSettings {
  const given = command.optsWithGlobals<Record<string, string | boolean>>();
  const flags: Flags = {};
  for (const key of commonKeys(command)) {
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
    const { makeShell, printWarning } = await import('./commands/shell.ts');
    for (const warning of settingsWarnings(resolved.settings)) {
      printWarning(warning, process.stderr, isJsonForErrors());
    }
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

/** Every command and flag. @param argv as `process.argv` */
export function build(argv: readonly string[] = process.argv): Command {
  const program = new Command('vendaval')
    .description('Exact real-time sales totals from Kafka to MongoDB.')
    .version(JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version)
    .showSuggestionAfterError(true)
    // What is wrong is told in one place, with hint and code as all else.
    .configureOutput({ outputError: () => {} })
    .configureHelp({ groupItems: ownFirst as never })
    .addHelpText(
      'after',
      `
Examples:
  $ vendaval demo                          everything in one process, nothing to install
  $ vendaval doctor                        what stands in the way, and what mends it
  $ vendaval topic create                  the topic and its dead-letter topic
  $ vendaval produce --rate 2              two made-up sales a second
  $ vendaval load --topic load-1 --rate 100000   a black Friday of a minute, and what must come of it
  $ vendaval                               the engine, with the defaults below
  $ vendaval engine --until-end            count what is there, then exit 0

Exit codes: 0 done, 1 failed, 2 usage, 3 data-loss guard, 4 verify found a difference`,
    );

  // A first word is a command: a mistyped one would else be an argument too many of the default.
  const isDefault = argv[2] === undefined || argv[2].startsWith('-');
  withCommonFlags(program.command('engine', { isDefault }), OPTION_KEYS, [
    'engine --brokers kafka1:9092,kafka2:9092 --mongo "$MONGO_URL"',
    'engine --until-end --json | jq .code',
    'engine --http 0.0.0.0:4040 --http-hosts painel.loja',
  ])
    .description('count sales and keep the totals in MongoDB (the default command)')
    .option('--until-end', "drain to the log's present end, flush, commit, exit 0", false)
    .action(
      action(async ({ settings }, shell, own) => {
        const { runEngine } = await import('./commands/engine.ts');
        await runEngine(settings, { untilEnd: own.untilEnd }, shell);
      }),
    );

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
        const { runProduce } = await import('./commands/produce.ts');
        const { kafkaAccess } = await import('./kafka/access.ts');
        const access = kafkaAccess(settings);
        const { topic } = settings;
        const { rate, count, format, seed, partition, ago: agoMs, value } = own;
        const sales = { rate, count, format, seed, partition, agoMs, value };
        await runProduce({ access, topic, ...sales, json: shell.json }, shell);
      }),
    );

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
        const { runLoad } = await import('./commands/load.ts');
        const { profile, rate, duration: durationMs, count, format, seed } = own;
        const { hot, disorder, late, malformed, poison, batchBytes, oracle, check } = own;
        const shares = { hot, disorder, late, malformed, poison };
        const size = { profile, rate, durationMs, count, format, seed, batchBytes };
        return runLoad(settings, { ...size, shares, oracle, check }, shell);
      }),
    );

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
        const { runDemo } = await import('./commands/demo.ts');
        const { realTime, rate, duration: durationMs, engine: hasEngine, writeConfig } = own;
        await runDemo(resolved, { realTime, rate, durationMs, hasEngine, writeConfig }, shell);
      }),
    );

  withCommonFlags(
    program.command('verify'),
    [...STORE_KEYS, 'threads'],
    ['verify --database black_friday', 'verify --from 2024-11-29 --to 2024-11-30'],
  )
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

  withCommonFlags(program.command('doctor'), OPTION_KEYS, [
    'doctor',
    'doctor --brokers localhost:9092 --no-probe',
    `doctor --json | jq 'select(.verdict == "fail")'`,
  ])
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

  addDeadLetters(program);
  addUpkeep(program);
  const topic = program.command('topic').description('make or show the topic');
  withCommonFlags(
    topic.command('create'),
    [...KAFKA_KEYS, 'deadLetterTopic'],
    ['topic create', 'topic create --topic vendas --partitions 12 --replication-factor 3'],
  )
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
  withCommonFlags(topic.command('describe'), KAFKA_KEYS, ['topic describe --topic vendas'])
    .description('show partitions, leaders, replicas and ISR')
    .action(
      action(async ({ settings }, shell) => {
        const { runTopicDescribe } = await import('./commands/topic.ts');
        await runTopicDescribe(settings, shell);
      }),
    );

  const config = program.command('config').description('look at the configuration');
  withCommonFlags(config.command('print'), OPTION_KEYS, ['config print --config producao.json'])
    .description('print each value with its origin; secrets are masked')
    .action(
      action(async (resolved, shell) => {
        const { runConfigPrint } = await import('./commands/config-print.ts');
        runConfigPrint(resolved, shell);
      }),
    );

  program
    .command('completion')
    .description('print what the Tab key completes, for a shell')
    .addArgument(new Argument('<shell>', 'of this shell').choices(['bash', 'zsh', 'fish']))
    .addHelpText('after', COMPLETION_HELP)
    .action(async (shell: string) => {
      const { completionScript } = await import('./commands/completion.ts');
      process.stdout.write(completionScript(program, shell as never));
    });
  return program;
}

const YES = 'do it; without it, only say what would be done';

/** What was rejected, looked at and sent back. */
function addDeadLetters(program: Command): void {
  const dlq = program.command('dlq').description('look at rejected sales, and send them back');
  const keys: OptionKey[] = [...KAFKA_KEYS, 'deadLetterTopic'];
  const ofReason = () =>
    new Option('--reason <name>', 'only letters of this reason').choices(
      REASONS.filter((name) => name !== 'valid'),
    );
  withCommonFlags(dlq.command('list'), keys, ['dlq list', 'dlq list --samples 3 --json'])
    .description('dead letters by reason: how many, since when, and samples')
    .option('--samples <n>', 'letters of each reason to show', number(0, 1000, true), 1)
    .action(
      action(async ({ settings }, shell, own) => {
        const { runDlqList } = await import('./commands/dlq.ts');
        await runDlqList(settings, { samples: own.samples }, shell);
      }),
    );
  withCommonFlags(dlq.command('show'), keys, [
    'dlq show black-friday-sales/0/17',
    'dlq show --reason late --limit 1000 --json > atrasadas.jsonl',
  ])
    .description('dead letters one by one, whole: value, headers, reason and origin')
    .argument('[letter...]', 'as dlq list names them: topic/partition/offset')
    .addOption(ofReason())
    .option('--limit <n>', 'how many, when no letter is named', number(1, 1e9, true), 10)
    .action(function show(this: Command, names: string[]) {
      return action(async ({ settings }, shell, own) => {
        const { runDlqShow } = await import('./commands/dlq.ts');
        const { reason, limit } = own;
        await runDlqShow(settings, { names, reason, limit }, shell);
      }).call(this);
    });
  withCommonFlags(
    dlq.command('replay'),
    [...STORE_KEYS],
    [
      'dlq replay --reason late',
      'dlq replay --from corrigidas.jsonl --yes',
      'dlq replay black-friday-sales/0/17 --yes',
    ],
  )
    .description('send dead letters back to their topic, each once; says first what comes of them')
    .argument('[letter...]', 'as dlq list names them: topic/partition/offset')
    .addOption(ofReason())
    .option('--all', 'every letter', false)
    .option('--from <file>', 'lines of dlq show --json, repaired')
    .option('--yes', YES, false)
    .action(function replay(this: Command, names: string[]) {
      return action(async (resolved, shell, own) => {
        const { runDlqReplay } = await import('./commands/dlq-replay.ts');
        const { reason, all, from, yes } = own;
        await runDlqReplay(resolved, { names, reason, all, from, yes }, shell);
      }).call(this);
    });
}

/** What is done to a database now and then. */
function addUpkeep(program: Command): void {
  withCommonFlags(
    program.command('reset'),
    [...STORE_KEYS, 'group'],
    ['reset', 'reset --database black_friday --yes'],
  )
    .description("take the database back, so that the next engine counts from the log's beginning")
    .option('--yes', YES, false)
    .option('--accept-loss', 'although the log no longer holds all that was counted', false)
    .action(
      action(async (resolved, shell, own) => {
        const { runReset } = await import('./commands/reset.ts');
        const { yes, acceptLoss } = own;
        await runReset(resolved, { yes, acceptLoss }, shell);
      }),
    );

  withCommonFlags(program.command('compact'), STORE_KEYS, [
    'compact',
    'compact --older-than 30d --yes',
  ])
    .description('make old documents small: what each partition contributed becomes one sum')
    .option('--older-than <duration>', 'windows so far behind the watermark', duration, 86_400_000)
    .option('--yes', YES, false)
    .action(
      action(async (resolved, shell, own) => {
        const { runCompact } = await import('./commands/compact.ts');
        const { olderThan, yes } = own;
        await runCompact(resolved, { olderThan, yes }, shell);
      }),
    );
}

const COMPLETION_HELP = `
Examples:
  $ source <(vendaval completion bash)                                   now, in bash
  $ vendaval completion bash > ~/.local/share/bash-completion/completions/vendaval
  $ vendaval completion zsh > "\${fpath[1]}/_vendaval"
  $ vendaval completion fish > ~/.config/fish/completions/vendaval.fish`;

function duration(text: string): number {
  const ms = parseDurationMs(text);
  if (!(ms <= DURATION_MS_MAX))
    throw new InvalidArgumentError('Expected a duration such as 30s or 5m.');
  return ms;
}

function oneOf<T extends string>(names: readonly T[]): (name: string) => T {
  return (name) => {
    const known = names.find((candidate) => candidate === name);
    if (known === undefined) throw new InvalidArgumentError(`Known: ${names.join(', ')}.`);
    return known;
  };
}

function isJsonForErrors(): boolean {
  const variable = process.env[OPTIONS.json.env] ?? '';
  const isAsked = process.argv.includes(OPTIONS.json.flag) || /^(true|1|yes)$/i.test(variable);
  return isAsked && !process.stderr.isTTY;
}

/** What commander says, as errors are told here; null when it has shown the help instead. */
function usageError({ code, message }: CommanderError): VendavalError | null {
  if (code === 'commander.help') return null;
  // Somebody may have tried to give a password as a flag.
  const shown = message.replace(/^(error: unknown option '[^'=]+)=[^']*/, '$1=***');
  const [what, ...rest] = shown.replace(/^error: /, '').split('\n');
  const meant = rest.join(' ').replace(/^\(|\)$/g, '');
  const isWordBehindFlags =
    code === 'commander.excessArguments' && process.argv[2]?.startsWith('-');
  const secret = Object.values(OPTIONS).find((o) => 'hasNoFlag' in o && what.includes(o.flag));
  const hint = isWordBehindFlags
    ? 'The command comes first: vendaval <command> [flags].'
    : secret
      ? `A command line is seen by everybody here: set ${secret.env} or ${secret.env}_FILE.`
      : meant || 'vendaval --help shows commands and flags';
  return new VendavalError(what, { code: 'E_USAGE', exitCode: EXIT.usage, hint });
}

/** `help topic create` is `topic create --help`, and a word that is no command is told as such. */
function withHelpAsFlag(program: Command, argv: readonly string[]): string[] {
  const [node, script, first, ...words] = argv;
  if (first !== 'help' || words.length === 0) return [...argv];
  const isKnown = program.commands.some((command) => command.name() === words[0]);
  return [node, script, ...words, ...(isKnown ? ['--help'] : [])];
}

async function main(): Promise<void> {
  // Whoever reads the help may have seen enough ("| head"); commands stop for it, in order.
  process.stdout.on('error', () => {});
  const program = build();
  const everyCommand = [
    program,
    ...program.commands,
    ...program.commands.flatMap((c) => c.commands),
  ];
  for (const command of everyCommand) command.exitOverride();
  try {
    await program.parseAsync(withHelpAsFlag(program, process.argv));
    process.exitCode = exitCode;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return;
    // Stopped before there was anything to stop: as good an end as any other stop.
    if (codeOf(error) === 'E_STOPPED') {
      process.exitCode = EXIT.done;
      return;
    }
    const failure = error instanceof CommanderError ? usageError(error) : error;
    if (failure === null) {
      process.exitCode = EXIT.usage;
      return;
    }
    const { printError } = await import('./commands/shell.ts');
    printError(failure, process.stderr, isJsonForErrors());
    process.exitCode = failure instanceof VendavalError ? failure.exitCode : EXIT.failed;
  }
}

/** The reference and its tests read the commands and run none. */
function isImported(): boolean {
  const [, script] = process.argv;
  if (script === undefined) return false;
  try {
    return createRequire(import.meta.url).resolve(script) !== fileURLToPath(import.meta.url);
  } catch {
    return false;
  }
}

if (!isImported()) await main();
