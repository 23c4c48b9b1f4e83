import { defineConfig } from 'vitest/config';

/** The few tests that only root can run: what happens to users and owners. `npm test` runs them when root calls it. */
export default defineConfig({
  cacheDir: '/var/tmp/lifeboat-0/vitest',
  test: {
    fsModuleCache: false,
    include: ['test/root/**/*.root.ts'],
    pool: 'forks',
    maxWorkers: 1,
    testTimeout: 300_000,
    hookTimeout: 300_000,
    expect: { poll: { timeout: 120_000 } },
  },
});
