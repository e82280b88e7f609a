/** The commands around a running engine: itself, verify, doctor, the topic, the configuration. */
import { Argument, type Command } from 'commander';
import { OPTION_KEYS } from '../config/settings.ts';
import { action, duration, KAFKA_KEYS, number, STORE_KEYS, withCommonFlags } from './flags.ts';

export function addEngine(program: Command, isDefault: boolean): void {
  withCommonFlags(program.command('engine', { isDefault }), OPTION_KEYS, [
    'engine --brokers kafka1:9092,kafka2:9092 --mongo "$MONGO_URL"',
    'engine --until-end --json | jq .code',
    'engine --http 0.0.0.0:4040 --http-hosts painel.loja',
  ])
    .description('count sales and keep the totals in MongoDB (the default command)')
    .option('--until-end', "drain to the log's present end, flush, commit, exit 0", false)
    .action(
      action(async ({ settings }, shell, own) => {
        const { runEngine } = await import('../commands/engine.ts');
        await runEngine(settings, { untilEnd: own.untilEnd }, shell);
      }),
    );
}

export function addVerify(program: Command): void {
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
        const { runVerify } = await import('../commands/verify.ts');
        return runVerify(resolved, own as never, shell);
      }),
    );
}

export function addDoctor(program: Command): void {
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
        const { runDoctor } = await import('../commands/doctor.ts');
        const { probe, timeout } = own;
        return runDoctor(settings, { probe, timeout }, shell);
      }),
    );
}

export function addTopic(program: Command): void {
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
        const { runTopicCreate } = await import('../commands/topic.ts');
        const { partitions, replicationFactor } = own;
        await runTopicCreate(settings, { partitions, replicationFactor }, shell);
      }),
    );
  withCommonFlags(topic.command('describe'), KAFKA_KEYS, ['topic describe --topic vendas'])
    .description('show partitions, leaders, replicas and ISR')
    .action(
      action(async ({ settings }, shell) => {
        const { runTopicDescribe } = await import('../commands/topic.ts');
        await runTopicDescribe(settings, shell);
      }),
    );
}

export function addConfig(program: Command): void {
  const config = program.command('config').description('look at the configuration');
  withCommonFlags(config.command('print'), OPTION_KEYS, ['config print --config producao.json'])
    .description('print each value with its origin; secrets are masked')
    .action(
      action(async (resolved, shell) => {
        const { runConfigPrint } = await import('../commands/config-print.ts');
        runConfigPrint(resolved, shell);
      }),
    );
}

const COMPLETION_HELP = `
Examples:
  $ source <(vendaval completion bash)                                   now, in bash
  $ vendaval completion bash > ~/.local/share/bash-completion/completions/vendaval
  $ vendaval completion zsh > "\${fpath[1]}/_vendaval"
  $ vendaval completion fish > ~/.config/fish/completions/vendaval.fish`;

export function addCompletion(program: Command): void {
  program
    .command('completion')
    .description('print what the Tab key completes, for a shell')
    .addArgument(new Argument('<shell>', 'of this shell').choices(['bash', 'zsh', 'fish']))
    .addHelpText('after', COMPLETION_HELP)
    .action(async (shell: string) => {
      const { completionScript } = await import('../commands/completion.ts');
      process.stdout.write(completionScript(program, shell as never));
    });
}
