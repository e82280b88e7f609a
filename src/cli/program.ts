/** Every command and flag, and the help of all. Commands are loaded when they are called. */
import { readFileSync } from 'node:fs';
import { Command, Help } from 'commander';
import {
  addCompletion,
  addConfig,
  addDoctor,
  addEngine,
  addTopic,
  addVerify,
} from './engine-commands.ts';
import { addDemo, addLoad, addProduce } from './sales-commands.ts';
import { addDeadLetters, addUpkeep } from './upkeep-commands.ts';

/** A command's own options come before those of all. */
function ownFirst(this: Help, ...given: Parameters<Help['groupItems']>) {
  const groups: [string, unknown[]][] = [...Help.prototype.groupItems.call(this, ...given)];
  const isOwn = ([name]: [string, unknown[]]) => Number(name !== 'Options:');
  return new Map(groups.sort((a, b) => isOwn(a) - isOwn(b))) as never;
}

/** @param argv as `process.argv` */
export function buildProgram(argv: readonly string[] = process.argv): Command {
  const program = new Command('vendaval')
    .description('Exact real-time sales totals from Kafka to MongoDB.')
    .version(
      JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version,
    )
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
  addEngine(program, isDefault);
  addProduce(program);
  addLoad(program);
  addDemo(program);
  addVerify(program);
  addDoctor(program);
  addDeadLetters(program);
  addUpkeep(program);
  addTopic(program);
  addConfig(program);
  addCompletion(program);
  return program;
}
