import { defineConfig } from 'vitest/config';
import { removeEngineVariables } from './test/parts/clean-environment.ts';

removeEngineVariables(process.env);

export default defineConfig({
  test: {
    // node-rdkafka can't be loaded in a worker thread.
    pool: 'forks',
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts', 'test/property/**/*.test.ts'],
        },
      },
      {
        extends: true,
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          globalSetup: ['test/parts/global-setup.ts'],
          // The servers share the machine's cores; two files at once would only time out.
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'simulation',
          include: ['test/simulation/**/*.test.ts'],
          testTimeout: 600_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
