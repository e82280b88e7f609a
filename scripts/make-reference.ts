/**
 * docs/REFERENCE.md, made from the commands and the table of options as the help is, so that it
 * cannot say anything else. `npm run reference` writes it; a unit test holds that it is up to date.
 */
import { writeFileSync } from 'node:fs';
import type { Command, Option } from 'commander';
import { buildProgram } from '../src/cli/program.ts';
import { OPTION_GROUPS } from '../src/config/option-groups.ts';
import { OPTIONS, type OptionKey, type OptionSpec } from '../src/config/options.ts';
import { OPTION_KEYS } from '../src/config/settings.ts';
import { formatDurationMs } from '../src/lib/units.ts';

const HEAD = `# Reference

Made by \`npm run reference\` from the same tables as the help: every command, flag and variable.
\`vendaval\` stands for \`node dist/main.js\` where it is not installed under that name.
`;

const OPTIONS_HEAD = `## Options of all commands

Each can be a flag, an environment variable, or a name in a JSON file (\`--config vendaval.json\`, or
\`VENDAVAL_CONFIG\`; the name is the flag without its dashes). A flag wins over the variable, the variable over
the file, the file over the default; an empty variable counts as unset. A variable with \`_FILE\` holds the path of a file
with the secret ([SECURITY.md](SECURITY.md#secrets)). \`vendaval config print\` shows every value with its origin.
`;

const WITH_FLAG = OPTION_KEYS.filter((key) => !('hasNoFlag' in OPTIONS[key]));
const FLAGS_OF_ALL = new Set([...WITH_FLAG.map((key) => OPTIONS[key].flag), '--config']);

const bar = (text: string) => text.replaceAll('|', '\\|');
const cell = (text: string) => bar(text).replaceAll('<', '\\<');
const code = (text: string) => (text === '' ? '' : `\`${bar(text)}\``);
const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [row(head), `|${head.map(() => '---|').join('')}`, ...rows.map(row)].join('\n');
}

/** Every command that does something, with its words. */
function runnable(command: Command, words: readonly string[] = []): [string, Command][] {
  if (command.commands.length > 0 && words.length > 0) {
    return command.commands.flatMap((sub) => runnable(sub, [...words, sub.name()]));
  }
  if (words.length > 0) return [[words.join(' '), command]];
  return command.commands
    .filter((sub) => sub.name() !== 'help')
    .flatMap((sub) => runnable(sub, [sub.name()]));
}

function defaultOf({ defaultValue, flags, negate }: Option): string {
  if (defaultValue === undefined || typeof defaultValue === 'boolean' || negate) return '';
  if (flags.endsWith('<duration>')) return defaultValue === 0 ? '' : formatDurationMs(defaultValue);
  return String(defaultValue);
}

function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({
    writeOut: (part) => {
      text += part;
    },
  });
  command.outputHelp();
  return text;
}

/** As a shell takes them: in the help a comment is set off by spaces alone. */
function examplesOf(command: Command): string[] {
  const lines = helpOf(command).split('\nExamples:\n')[1]?.split('\n') ?? [];
  return lines
    .filter((line) => line.startsWith('  $ '))
    .map((line) => line.slice(4).replace(/ {3,}(?=\S)/, '    # '));
}

function exitCodes(program: Command): string {
  const list = /Exit codes: (.*)/.exec(helpOf(program))![1];
  const rows = list.split(', ').map((entry) => entry.split(/ (.*)/, 2));
  return `## Exit codes\n\n${table(['code', ''], rows)}\n`;
}

function commandText([name, command]: [string, Command]): string {
  const own = command.options.filter(({ long }) => long && !FLAGS_OF_ALL.has(long));
  const shared = command.options.filter(({ long, hidden }) => FLAGS_OF_ALL.has(long!) && !hidden);
  const text = command.description();
  const words = command.registeredArguments.map((argument) => {
    const name = argument.argChoices?.join('|') ?? argument.name();
    const several = argument.variadic ? `${name}...` : name;
    return argument.required ? ` <${several}>` : ` [${several}]`;
  });
  const examples = examplesOf(command);
  const parts = [
    `### \`vendaval ${name}${words.join('')}\``,
    `${text[0].toUpperCase()}${text.slice(1)}.`,
  ];
  if (examples.length > 0) parts.push(`\`\`\`sh\n${examples.join('\n')}\n\`\`\``);
  if (own.length > 0) {
    const rows = own.map((option) => [
      code(option.flags),
      code(defaultOf(option)),
      cell(option.description),
    ]);
    parts.push(table(['flag', 'default', ''], rows));
  }
  if (shared.length > WITH_FLAG.length) {
    parts.push('Every [option of all commands](#options-of-all-commands) matters to it.');
  } else if (shared.length > 0) {
    const list = shared.map(({ long }) => code(long!)).join(', ');
    parts.push(`Of the [options of all commands](#options-of-all-commands): ${list}.`);
  }
  return parts.join('\n\n');
}

function optionRow(key: OptionKey): string[] {
  const spec = OPTIONS[key] as OptionSpec<unknown>;
  const { flag, argument, env, defaultText, text } = spec;
  return [
    spec.hasNoFlag ? '' : code(argument ? `${flag} <${argument}>` : flag),
    spec.secret ? `${code(env)} or ${code(`${env}_FILE`)}` : code(env),
    code(defaultText),
    cell(text),
  ];
}

function groupText(group: string): string {
  const keys = OPTION_KEYS.filter((key) => OPTION_GROUPS[key] === group);
  const rows = keys.map(optionRow);
  return `### ${group.replace(/:$/, '')}\n\n${table(['flag', 'variable', 'default', ''], rows)}`;
}

export function reference(): string {
  const program = buildProgram(['node', 'vendaval']);
  const groups = [...new Set(OPTION_KEYS.map((key) => OPTION_GROUPS[key]))];
  const parts = [
    HEAD,
    '## Commands\n',
    ...runnable(program).map((command) => `${commandText(command)}\n`),
    OPTIONS_HEAD,
    ...groups.map((group) => `${groupText(group)}\n`),
    exitCodes(program),
  ];
  return parts.join('\n');
}

if (process.argv[1] === import.meta.filename) {
  const file = new URL('../docs/REFERENCE.md', import.meta.url);
  writeFileSync(file, reference());
}
