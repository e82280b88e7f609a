import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Program } from 'typescript';
import { expect, onTestFinished, test } from 'vitest';
import { emitProgram, sourceProgram } from '../../../scripts/build.ts';

const BUILD_LIMIT_MS = 180_000;
const TRACE = /fail-?point/i;

function emit(program: Program, keepFailPoints: boolean): string {
  const outDir = mkdtempSync(join(tmpdir(), 'vendaval-build-'));
  onTestFinished(() => rmSync(outDir, { recursive: true }));
  emitProgram(program, { outDir, keepFailPoints });
  return outDir;
}

const filesWith = (folder: string, text: RegExp) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
    (name) =>
      name.endsWith('.js') &&
      (text.test(name) || text.test(readFileSync(join(folder, name), 'utf8'))),
  );

test('the program that users run has no trace of fail points, and the test build has all', {
  timeout: BUILD_LIMIT_MS,
}, () => {
  const program = sourceProgram();
  expect(filesWith(emit(program, false), TRACE)).toEqual([]);
  expect(filesWith(emit(program, true), TRACE)).toEqual(
    expect.arrayContaining(['lib/fail-point.js', 'mongo/totals-store.js']),
  );
});

test('a fail point that is more than a statement stops the build of the program', {
  timeout: BUILD_LIMIT_MS,
}, () => {
  const file = 'src/mongo/totals-store.ts';
  const find = "failPoint('before-totals');";
  const replace = "void failPoint('before-totals');";
  expect(() => emit(sourceProgram([{ file, find, replace }]), false)).toThrow(
    'mongo/totals-store.js: a fail point is left',
  );
});

test('a text to replace must be there exactly once', () => {
  const file = 'src/mongo/totals-store.ts';
  const change = (find: string) => () => sourceProgram([{ file, find, replace: '' }]);
  expect(change('no such text')).toThrow('has this 0 times, not once');
  expect(change('failPoint(')).toThrow(/has this \d+ times, not once/);
});
