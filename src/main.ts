#!/usr/bin/env node
/** From arguments to a command, and from what it throws to an exit code. */
import { type Command, CommanderError } from 'commander';
import { isJsonForErrors } from './cli/flags.ts';
import { buildProgram } from './cli/program.ts';
import { OPTIONS } from './config/options.ts';
import { codeOf, EXIT, VendavalError } from './lib/errors.ts';

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
  const program = buildProgram();
  const everyCommand = [
    program,
    ...program.commands,
    ...program.commands.flatMap((c) => c.commands),
  ];
  for (const command of everyCommand) command.exitOverride();
  try {
    await program.parseAsync(withHelpAsFlag(program, process.argv));
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

await main();
