import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { buildPage } from '../../../scripts/build-page.ts';
import { readStaticFiles } from '../../../src/dashboard/static-files.ts';

// The compiler takes its time on a busy machine.
test('all that the page asks for is among its files, and none of it comes from elsewhere', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vendaval-page-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  buildPage(folder);
  const files = readStaticFiles(join(folder, 'page'));
  const text = (path: string) => files.get(path)!.bytes.toString('utf8');
  const asked = new Set<string>();
  for (const [, path] of text('/').matchAll(/(?:src|href)="([^"#?]+)"/g)) asked.add(path);
  for (const [path, { type }] of files) {
    if (!type.startsWith('text/javascript')) continue;
    for (const [, from] of text(path).matchAll(/ from ['"](\S+?)['"];/g)) {
      asked.add(new URL(from, `http://page${path}`).pathname);
    }
  }
  const served = new Set([
    ...files.keys(),
    '/api/live',
    '/api/windows',
    '/api/partitions',
    '/metrics',
  ]);
  expect([...asked].filter((path) => !served.has(path))).toEqual([]);
  expect(asked.size).toBeGreaterThan(15);
  expect([...asked].filter((path) => path.includes('//'))).toEqual([]);
  // Strict policy: nothing inline.
  expect(text('/')).not.toMatch(/<script(?![^>]*src=)|\sstyle=|\son\w+=/);
}, 120_000);
