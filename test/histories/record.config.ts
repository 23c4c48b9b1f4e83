import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** Records the histories: under vitest, because the bench is made of test fixtures. README.md says when. */
export default defineConfig({
  cacheDir: `/var/tmp/lifeboat-${process.getuid?.() ?? 0}/vitest`,
  test: {
    root: fileURLToPath(new URL('../..', import.meta.url)),
    fsModuleCache: false,
    include: ['test/histories/record.ts'],
    pool: 'forks',
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
