import { expect, test } from 'vitest';
import { ReplayView } from '../../../src/commands/dlq-replay-view.ts';
import type { Shell } from '../../../src/commands/shell.ts';
import type { Settings } from '../../../src/config/options.ts';

function viewed(json: boolean, looked: number, total: number): string {
  const written: string[] = [];
  const stream = { write: (part: string) => written.push(part) };
  const shell = { out: stream, err: stream, json, signal: new AbortController().signal };
  const settings = { topic: 'vendas', deadLetterTopic: 'vendas.dlq' } as Settings;
  const view = new ReplayView(settings, true, shell as unknown as Shell);
  view.piece({ sent: looked - 1, without: 1, lateAgain: 0 }, total);
  view.stopped(total);
  return written.join('');
}

test('a replay that is stopped says how far it came, and one that was done does not', () => {
  expect(viewed(false, 1000, 4500)).toContain('1,000 of 4,500 letters; run it again for the rest');
  const lines = viewed(true, 1000, 4500).trim().split('\n');
  expect(JSON.parse(lines.at(-1)!)).toMatchObject({ code: 'stopped', letters: 1000, of: 4500 });
  expect(viewed(false, 4500, 4500)).toBe('');
});
