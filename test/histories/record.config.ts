import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** Records the histories: under vitest, because the bench is made of test fixtures. README.md says when. */
export default defineConfig({
  cacheDir: `/var/tmp/lifeboat-${process.getuid?.() ?? 0}/vitest`,
  test: {
    root: fileURLToPath(new URL('../..', import.meta.url)),
    fsModuleCache: false,
    include: ['test/histories/record.ts'],
    globalSetup: ['./test/support/shared-engines.ts'],
    pool: 'forks',
    testTimeout: 300_000,
    hookTimeout: 300_000,
    expect: { poll: { timeout: 120_000 } },
  },
});
