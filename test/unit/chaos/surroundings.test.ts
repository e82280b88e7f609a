import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT } from '../../../scripts/build.ts';
import { surroundings } from '../../chaos/surroundings.ts';

// An archive of the sources has no commit to name.
test.runIf(existsSync(join(ROOT, '.git')))('what was run is named by commit and source', () => {
  const { commit, source } = surroundings();
  expect(commit).toMatch(/^[\da-f]{10,}(, changed)?$/);
  expect(source).toMatch(/^[\da-f]{10,}$/);
});
