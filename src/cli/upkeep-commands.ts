/** The commands for what is done now and then: dead letters, reset, compact. */
import { type Command, Option } from 'commander';
import type { OptionKey } from '../config/options.ts';
import { REASONS } from '../sale/reasons.ts';
import { action, duration, KAFKA_KEYS, number, STORE_KEYS, withCommonFlags } from './flags.ts';

const YES = 'do it; without it, only say what would be done';

/** What was rejected, looked at and sent back. */
export function addDeadLetters(program: Command): void {
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
        const { runDlqList } = await import('../commands/dlq.ts');
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
        const { runDlqShow } = await import('../commands/dlq.ts');
        const { reason, limit } = own;
        await runDlqShow(settings, { names, reason, limit }, shell);
      }).call(this);
    });
  withCommonFlags(
    dlq.command('replay'),
    [...STORE_KEYS],
    [
      'dlq replay --reason future_timestamp',
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
        const { runDlqReplay } = await import('../commands/dlq-replay.ts');
        const { reason, all, from, yes } = own;
        await runDlqReplay(resolved, { names, reason, all, from, yes }, shell);
      }).call(this);
    });
}

/** What is done to a database now and then. */
export function addUpkeep(program: Command): void {
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
        const { runReset } = await import('../commands/reset.ts');
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
        const { runCompact } = await import('../commands/compact.ts');
        const { olderThan, yes } = own;
        await runCompact(resolved, { olderThan, yes }, shell);
      }),
    );
}
