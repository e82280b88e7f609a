import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { writePrivateFile } from '../../../src/commands/private-file.ts';

test('only its owner may read it, also where a file was that all could read', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'vendaval-private-'));
  t.onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const [fresh, old] = [join(folder, 'fresh.json'), join(folder, 'old.json')];
  await writeFile(old, 'what was there before, and was longer');
  await chmod(old, 0o644);
  for (const path of [fresh, old]) {
    await writePrivateFile(path, '{}\n');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readFile(path, 'utf8')).toBe('{}\n');
  }
});
