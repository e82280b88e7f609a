/**
 * What commands a piece of shell would run, found by the shell itself: bash takes it with nothing
 * on its PATH, and each command that it looks for is written down in place of being run. So
 * quoting, pipes and continued lines are taken apart by the program that readers use.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const BETWEEN_COMMANDS = '\x1e';
const LIMIT_MS = 30_000;

/** Builtins that would do something are written down too. */
const PRELUDE = `
record() { printf '%s\\0' "$@" $'${BETWEEN_COMMANDS}' >>"$RECORD"; }
command_not_found_handle() { record "$@"; }
kill() { record kill "$@"; }
cd() { record cd "$@"; }
wait() { :; }
fg() { record fg; }
`;

/** What the text takes from its surroundings. */
const VARIABLES = { MONGO_URL: 'mongodb://db.loja:27017/', HOME: '/nonexistent' };

/** A file that the text would write; also one of a folder that is not there. */
const REDIRECTION = /(?<![0-9&<>])>{1,2}(?![&(])\s*("[^"]*"|[^\s()]+)/g;

/** The commands with their arguments. Throws when it is no shell. */
export function recordedCommands(shell: string): string[][] {
  const folder = mkdtempSync(join(tmpdir(), 'vendaval-docs-'));
  try {
    const record = join(folder, 'record');
    writeFileSync(record, '');
    const text = `${PRELUDE}\n${shell.replace(REDIRECTION, '>/dev/null')}\nbuiltin wait\n`;
    const env = { ...VARIABLES, PATH: join(folder, 'empty'), RECORD: record };
    const { status, stderr } = spawnSync('/bin/bash', ['--norc', '-c', text], {
      cwd: folder,
      env,
      encoding: 'utf8',
      timeout: LIMIT_MS,
    });
    if (status !== 0 || stderr !== '') throw new Error(`bash: ${stderr || `ends with ${status}`}`);
    return readFileSync(record, 'utf8')
      .split(`${BETWEEN_COMMANDS}\0`)
      .filter(Boolean)
      .map((command) => command.split('\0').slice(0, -1));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Lines as a reader pastes them: continued ones joined, comments and empty ones left out. */
export function logicalLines(shell: string): string[] {
  return shell
    .replace(/\\\n\s*/g, '')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
}
