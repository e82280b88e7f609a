/** The Tab key, in the shells themselves. One that is not installed is said, and passed over. */
import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, type TestContext, test } from 'vitest';
import { EngineProcess } from '../parts/engine-process.ts';

const run = promisify(execFile);

/** What is typed, and some of what must be offered. */
const CASES: readonly [typed: string, offered: readonly string[]][] = [
  ['vendaval d', ['demo', 'dlq', 'doctor']],
  ['vendaval dlq ', ['list', 'replay', 'show']],
  ['vendaval topic ', ['create', 'describe']],
  ['vendaval topic create --part', ['--partitions']],
  ['vendaval engine --on-corrupt ', ['stop', 'skip']],
  ['vendaval produce --format ', ['json', 'flatbuffers']],
  ['vendaval load --format ', ['json', 'flatbuffers', 'flatbuffers-batch']],
  ['vendaval completion z', ['zsh']],
  ['vendaval --brok', ['--brokers']],
];

async function scriptOf(t: TestContext, shell: string): Promise<string> {
  if (spawnSync(shell, ['-c', 'exit']).status !== 0) t.skip(`${shell} is not installed`);
  const { stdout } = await new EngineProcess(t, ['completion', shell]).endsWell();
  const folder = await mkdtemp(join(tmpdir(), 'vendaval-completion-'));
  t.onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, `vendaval.${shell}`);
  await writeFile(file, stdout);
  return file;
}

test('bash offers commands, options and values', async (t) => {
  const file = await scriptOf(t, 'bash');
  const program = `
    source "$1"
    read -ra COMP_WORDS <<<"$2"
    [[ $2 == *' ' ]] && COMP_WORDS+=('')
    COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
    _vendaval
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  for (const [typed, offered] of CASES) {
    const { stdout } = await run('bash', ['-c', program, 'bash', file, typed]);
    expect([typed, stdout.trim().split('\n').toSorted()]).toEqual([typed, offered.toSorted()]);
  }
});

test('fish offers commands, options and values', async (t) => {
  const file = await scriptOf(t, 'fish');
  for (const [typed, offered] of CASES) {
    const { stdout } = await run('fish', [
      '-c',
      'source $argv[1]; complete -C $argv[2]',
      file,
      typed,
    ]);
    const words = stdout
      .trim()
      .split('\n')
      .map((line) => line.split('\t')[0]);
    expect([typed, words.toSorted()]).toEqual([typed, offered.toSorted()]);
  }
});

/** Types into a zsh of its own and prints what it shows, until the words are there or a minute is over. */
const ZSH = `
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell 'PS1=; autoload -Uz compinit; compinit -u -D; source '$1'; bindkey "^I" list-choices; LISTMAX=1000; print RE''ADY'
zpty -r -m shell line '*READY*' || exit 1
zpty -w -n shell $2$'\\t'
all=
for ((i = 0; i < 600; i++)); do
  while zpty -r -t shell line; do all+=$line; done
  found=1
  for word in \${@:3}; do [[ \${all#*$2} == *$word* ]] || found=0; done
  ((found)) && break
  sleep 0.1
done
print -r -- $all
zpty -d shell
`;

test('zsh offers commands, options and values', async (t) => {
  const file = await scriptOf(t, 'zsh');
  await run('zsh', ['-n', file]);
  for (const [typed, offered] of CASES) {
    const { stdout } = await run('zsh', ['-f', '-c', ZSH, 'zsh', file, typed, ...offered]);
    const shown = stdout.slice(stdout.indexOf(typed) + typed.length);
    for (const word of offered) expect(shown, typed).toContain(word);
  }
}, 300_000);
