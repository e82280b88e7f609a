/** For the runner (run.ts), which adds the settings; `npm test` knows nothing of this suite. */
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { removeEngineVariables } from '../parts/clean-environment.ts';

removeEngineVariables(process.env);

export default defineConfig({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  test: {
    name: 'chaos',
    pool: 'forks',
    include: ['test/chaos/scenarios/*.chaos.ts'],
    globalSetup: ['test/parts/global-setup.ts'],
    fileParallelism: false,
    hookTimeout: 120_000,
  },
});
