/**
 * What all commands share: the common options, the settings that come of them, the reading of a
 * flag's text, and the frame around a command's body.
 */
import { readFileSync } from 'node:fs';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Shell } from '../commands/shell.ts';
import { OPTION_GROUPS } from '../config/option-groups.ts';
import { OPTIONS, type OptionKey } from '../config/options.ts';
import {
  OPTION_KEYS,
  type ResolvedSettings,
  resolveSettings,
  settingsWarnings,
} from '../config/settings.ts';
import { EXIT, type ExitCode, messageOf, VendavalError } from '../lib/errors.ts';
import { parseDurationMs } from '../lib/units.ts';

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
export function withCommonFlags(
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

const SECURITY_KEYS = OPTION_KEYS.filter((key) => key.startsWith('kafka'));
export const KAFKA_KEYS: OptionKey[] = ['brokers', ...SECURITY_KEYS, 'topic', 'json'];
export const STORE_KEYS: OptionKey[] = [
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

/** Wraps a command's body: settings and shell in, so that each body has only its own work. */
export function action(body: Action) {
  return async function run(this: Command): Promise<void> {
    const resolved = resolve(this);
    const { makeShell, printWarning } = await import('../commands/shell.ts');
    for (const warning of settingsWarnings(resolved.settings)) {
      printWarning(warning, process.stderr, isJsonForErrors());
    }
    const exitCode = await body(resolved, makeShell(resolved.settings.json), this.opts());
    process.exitCode = exitCode ?? EXIT.done;
  };
}

/** A share of a whole. */
export const share = (text: string) => number(0, 1, false)(text);

export function number(min: number, max: number, isWhole: boolean): (text: string) => number {
  return (text) => {
    const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max) || (isWhole && !Number.isInteger(value))) {
      const kind = isWhole ? 'a whole number' : 'a number';
      throw new InvalidArgumentError(`Expected ${kind} from ${min} to ${max}.`);
    }
    return value;
  };
}

export function duration(text: string): number {
  const ms = parseDurationMs(text);
  if (!(ms <= DURATION_MS_MAX))
    throw new InvalidArgumentError('Expected a duration such as 30s or 5m.');
  return ms;
}

export function oneOf<T extends string>(names: readonly T[]): (name: string) => T {
  return (name) => {
    const known = names.find((candidate) => candidate === name);
    if (known === undefined) throw new InvalidArgumentError(`Known: ${names.join(', ')}.`);
    return known;
  };
}

export function isJsonForErrors(): boolean {
  const variable = process.env[OPTIONS.json.env] ?? '';
  const isAsked = process.argv.includes(OPTIONS.json.flag) || /^(true|1|yes)$/i.test(variable);
  return isAsked && !process.stderr.isTTY;
}
