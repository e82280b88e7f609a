import { defineConfig } from 'vitest/config';
import { removeEngineVariables } from './test/parts/clean-environment.ts';

removeEngineVariables(process.env);

/** After so long a test hangs: none is held to a time, on a machine that may have much else to do. */
const LIMIT = { testTimeout: 60_000, hookTimeout: 60_000 };
/** Of one with servers; the waits in it are shorter, and say what they wait for. */
const LONG_LIMIT = { testTimeout: 360_000, hookTimeout: 360_000 };

export default defineConfig({
  test: {
    // node-rdkafka can't be loaded in a worker thread.
    pool: 'forks',
    expect: { poll: { timeout: 60_000 } },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts', 'test/property/**/*.test.ts'],
          ...LIMIT,
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
          ...LONG_LIMIT,
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
