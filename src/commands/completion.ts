/**
 * What the Tab key completes in bash, zsh and fish, made from the commands and the table of options
 * as the help is. The scripts hold everything, so that no key starts Node. A command completes the
 * options that its help shows.
 */
import type { Command, Option } from 'commander';

export type CompletedShell = 'bash' | 'zsh' | 'fish';

/** One command, "topic create" with its words. */
interface Completed {
  readonly path: readonly string[];
  readonly text: string;
  readonly options: readonly CompletedOption[];
  /** What may come next that is no option. */
  readonly words: readonly { readonly word: string; readonly text: string }[];
}

interface CompletedOption {
  readonly flag: string;
  readonly text: string;
  /** null for a switch; else what the value may be: names, files, or nothing to offer. */
  readonly value: readonly string[] | 'file' | 'any' | null;
}

export function completionScript(program: Command, shell: CompletedShell): string {
  const all = flatten(program, []);
  if (shell === 'bash') return bashScript(all);
  return shell === 'zsh' ? zshScript(all) : fishScript(all);
}

function flatten(command: Command, path: readonly string[]): Completed[] {
  const own: Completed = {
    path,
    text: command.description(),
    options: command
      .createHelp()
      .visibleOptions(command)
      .map(toCompleted)
      .filter(({ flag }) => flag !== ''),
    words: [
      ...command.commands.map((sub) => ({ word: sub.name(), text: sub.description() })),
      ...command.registeredArguments.flatMap(({ argChoices, description }) =>
        (argChoices ?? []).map((word) => ({ word, text: description })),
      ),
    ],
  };
  return [own, ...command.commands.flatMap((sub) => flatten(sub, [...path, sub.name()]))];
}

function toCompleted(option: Option): CompletedOption {
  const text = option.description.replace(/ \([^()]*\)$/, '');
  const argument = /<(.+)>/.exec(option.flags)?.[1];
  const names = argument?.includes('|') ? argument.split('|') : option.argChoices;
  const value = argument === undefined ? null : (names ?? (argument === 'file' ? 'file' : 'any'));
  return { flag: option.long ?? '', text, value };
}

const nameOf = ({ path }: Completed) => ['_vendaval', ...path].join('_');

function bashReply(value: CompletedOption['value']): string {
  if (value === 'file') return 'COMPREPLY=($(compgen -f -- "$cur"))';
  if (!Array.isArray(value)) return 'COMPREPLY=()';
  return `COMPREPLY=($(compgen -W '${value.join(' ')}' -- "$cur"))`;
}

function bashScript(all: readonly Completed[]): string {
  const flags = ({ options }: Completed) => options.map(({ flag }) => flag).join(' ');
  const words = (one: Completed) => one.words.map(({ word }) => word).join(' ');
  const commands = all.map(
    (one) => `    '${one.path.join(' ')}') words='${words(one)}'; flags='${flags(one)}' ;;`,
  );
  const replies = all.flatMap(({ path, options }) =>
    options
      .filter(({ value }) => value !== null)
      .map(({ flag, value }) => ({ path: path.join(' '), flag, reply: bashReply(value) })),
  );
  // Most flags mean the same wherever they are; one that does not is told by its command.
  const isAlike = (flag: string) =>
    new Set(replies.filter((one) => one.flag === flag).map(({ reply }) => reply)).size === 1;
  const values = new Map(
    replies.map(({ path, flag, reply }) => [
      isAlike(flag) ? `*' ${flag}'` : `'${path} ${flag}'`,
      reply,
    ]),
  );
  const paths = all.filter(({ path }) => path.length > 0).map(({ path }) => `'${path.join(' ')}'`);
  return `# bash completion for vendaval: source <(vendaval completion bash)
_vendaval() {
  local cur prev words flags command='' next i
  cur=\${COMP_WORDS[COMP_CWORD]}
  prev=\${COMP_WORDS[COMP_CWORD-1]}
  for ((i = 1; i < COMP_CWORD; i++)); do
    next="\${command:+$command }\${COMP_WORDS[i]}"
    case "$next" in
      ${paths.join('|')}) command=$next ;;
      *) break ;;
    esac
  done
  case "$command $prev" in
${[...values].map(([place, reply]) => `    ${place}) ${reply}; return ;;`).join('\n')}
  esac
  case "$command" in
${commands.join('\n')}
  esac
  # Flags without a command are the engine's, which is the default.
  [ -z "$command" ] && [[ $cur == -* ]] && flags="$flags ${flags(engineOf(all))}"
  if [[ $cur == -* ]]; then COMPREPLY=($(compgen -W "$flags" -- "$cur"))
  else COMPREPLY=($(compgen -W "$words" -- "$cur")); fi
}
complete -F _vendaval vendaval
`;
}

const engineOf = (all: readonly Completed[]) => all.find(({ path }) => path[0] === 'engine')!;

/** In single quotes, where zsh's colons and brackets mean themselves. */
const zshText = (text: string) => text.replace(/[[\]:\\]/g, '\\$&').replaceAll("'", "'\\''");

function zshOption({ flag, text, value }: CompletedOption): string {
  const head = `'${flag}[${zshText(text)}]`;
  if (value === null) return `${head}'`;
  if (value === 'file') return `${head}:file:_files'`;
  return `${head}:value:${value === 'any' ? ' ' : `(${value.join(' ')})`}'`;
}

function zshFunction(all: readonly Completed[], one: Completed): string {
  const isGroup = all.some(
    ({ path }) => path.length === one.path.length + 1 && startsWith(path, one),
  );
  const plain = one.path.length === 0 ? [...one.options, ...engineOf(all).options] : one.options;
  const unique = plain.filter(({ flag }, i) => plain.findIndex((o) => o.flag === flag) === i);
  const options = unique.map((option) => `    ${zshOption(option)} \\`);
  if (!isGroup) {
    const words = one.words.map(({ word }) => word).join(' ');
    const argument = words === '' ? '' : `    '1:word:(${words})' \\\n`;
    return `${nameOf(one)}() {\n  _arguments \\\n${options.join('\n')}\n${argument}    && return\n}\n`;
  }
  const listed = one.words.map(({ word, text }) => `    '${word}:${zshText(text)}'`);
  const calls = one.words.map(({ word }) => `      ${word}) ${nameOf(one)}_${word} ;;`);
  return `${nameOf(one)}() {
  local curcontext="$curcontext" state line
  typeset -A opt_args
  _arguments -C \\
${options.join('\n')}
    '1:command:->command' '*::argument:->argument' && return
  case $state in
    command)
      local -a commands=(
${listed.join('\n')}
      )
      _describe command commands ;;
    argument)
      case $line[1] in
${calls.join('\n')}
      esac ;;
  esac
}
`;
}

const startsWith = (path: readonly string[], one: Completed) =>
  one.path.every((word, i) => path[i] === word);

function zshScript(all: readonly Completed[]): string {
  const functions = [...all].reverse().map((one) => zshFunction(all, one));
  return `#compdef vendaval
# zsh completion: vendaval completion zsh > "\${fpath[1]}/_vendaval"
${functions.join('\n')}
if [ "$funcstack[1]" = "_vendaval" ]; then _vendaval "$@"; else compdef _vendaval vendaval; fi
`;
}

/** In single quotes, where fish knows two escapes. */
const fishText = (text: string) => `'${text.replace(/['\\]/g, '\\$&')}'`;

function fishScript(all: readonly Completed[]): string {
  const lines: string[] = [];
  const names = all[0].words.map(({ word }) => word).join(' ');
  for (const one of all) {
    const condition = fishCondition(all, one, names);
    for (const { word, text } of one.words) {
      lines.push(`complete -c vendaval -n ${condition} -a ${word} -d ${fishText(text)}`);
    }
    const isBare = one.path.length === 0;
    const options = isBare ? [...one.options, ...engineOf(all).options] : one.options;
    for (const { flag, text, value } of options) {
      const kind =
        value === null
          ? ''
          : value === 'file'
            ? ' -rF'
            : value === 'any'
              ? ' -x'
              : ` -xa '${value.join(' ')}'`;
      lines.push(
        `complete -c vendaval -n ${condition} -l ${flag.slice(2)}${kind} -d ${fishText(text)}`,
      );
    }
  }
  return `# fish completion: vendaval completion fish > ~/.config/fish/completions/vendaval.fish
complete -c vendaval -f
${[...new Set(lines)].join('\n')}
`;
}

function fishCondition(all: readonly Completed[], { path }: Completed, names: string): string {
  if (path.length === 0) return `'not __fish_seen_subcommand_from ${names}'`;
  const seen = path.map((word) => `__fish_seen_subcommand_from ${word}`).join('; and ');
  const below = all.filter((one) => one.path.length === path.length + 1 && one.path[0] === path[0]);
  if (path.length > 1 || below.length === 0) return `'${seen}'`;
  const subs = below.map((one) => one.path[1]).join(' ');
  return `'${seen}; and not __fish_seen_subcommand_from ${subs}'`;
}
