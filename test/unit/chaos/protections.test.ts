import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT, replaced } from '../../../scripts/build.ts';
import { PROTECTIONS } from '../../chaos/protections.ts';

test.each(PROTECTIONS)('$name can be taken out of the source as it is', (protection) => {
  const { changes, shownBy, simulated } = protection;
  for (const file of new Set(changes.map((change) => change.file))) {
    const text = readFileSync(join(ROOT, file), 'utf8');
    const own = changes.filter((change) => change.file === file);
    expect(replaced(text, own)).not.toBe(text);
  }
  expect(shownBy ?? simulated).toBeDefined();
  if (!shownBy) return;
  const row = String(shownBy.row).padStart(2, '0');
  const scenarios = readdirSync(join(ROOT, 'test/chaos/scenarios'));
  expect(scenarios.filter((name) => name.startsWith(`${row}-`))).toHaveLength(1);
});

test('no two protections have the same name', () => {
  const names = PROTECTIONS.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
});
