import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { buildInto, type Replacement } from '../../../scripts/build.ts';

const BUILD_LIMIT_MS = 60_000;
const TRACE = /fail-?point/i;

function build(keepFailPoints: boolean, replacements: Replacement[] = []): string {
  const outDir = mkdtempSync(join(tmpdir(), 'vendaval-build-'));
  onTestFinished(() => rmSync(outDir, { recursive: true }));
  buildInto({ outDir, keepFailPoints, replacements });
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
  expect(filesWith(build(false), TRACE)).toEqual([]);
  expect(filesWith(build(true), TRACE)).toEqual(
    expect.arrayContaining(['lib/fail-point.js', 'mongo/totals-store.js']),
  );
});

test('a fail point that is more than a statement stops the build of the program', {
  timeout: BUILD_LIMIT_MS,
}, () => {
  const file = 'src/mongo/totals-store.ts';
  const find = "failPoint('before-totals');";
  const replace = "void failPoint('before-totals');";
  expect(() => build(false, [{ file, find, replace }])).toThrow(
    'mongo/totals-store.js: a fail point is left',
  );
});

test('a text to replace must be there exactly once', () => {
  const file = 'src/mongo/totals-store.ts';
  const change = (find: string) => () => build(true, [{ file, find, replace: '' }]);
  expect(change('no such text')).toThrow('has this 0 times, not once');
  expect(change('failPoint(')).toThrow(/has this \d+ times, not once/);
});
