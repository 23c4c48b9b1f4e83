import { defineConfig } from 'vitest/config';

export default defineConfig({
  // The tests run as an unprivileged user who must not write below the checkout.
  cacheDir: `${process.env.LIFEBOAT_STATE ?? `/var/tmp/lifeboat-${process.getuid?.() ?? 0}`}/vitest`,
  test: {
    fsModuleCache: false,
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    // Two cores and real engines: more files at once only wait for each other.
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
