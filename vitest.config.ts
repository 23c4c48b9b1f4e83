import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { drillFiles, engineFiles, majorFiles, SlowestFirst } from './test/support/tiers.ts';

const state = process.env['LIFEBOAT_STATE'] || `/var/tmp/lifeboat-${process.getuid?.() ?? 0}`;
const everything = ['test/**/*.test.ts'];
/** Engines keep their data there, where set-up found room for it: the drills are on a disk. */
const memory = process.env['LIFEBOAT_MEMORY'];
const inMemory = memory ? { TMPDIR: memory } : {};
const sharedEngines = ['./test/support/shared-engines.ts'];
/** `[{major, folder}]`: set-up hands on where the promised majors are that the other projects do not use. */
const otherPostgres = JSON.parse(process.env['LIFEBOAT_OTHER_POSTGRES'] ?? '[]') as readonly {
  readonly major: string;
  readonly folder: string;
}[];

/** docs/contributing.md says what each project may use and what a new test should cost. */
export default defineConfig({
  // The tests run as an unprivileged user who must not write below the checkout.
  cacheDir: join(state, 'vitest'),
  test: {
    fsModuleCache: false,
    pool: 'forks',
    // Most of what a test makes is dead at once: with room for it V8 copies less, a twentieth of the processor time. As much
    // is saved where it does not look for garbage in the first 200 MB, of which a file after the other makes a few.
    execArgv: ['--min-semi-space-size=16', '--max-semi-space-size=32', '--initial-old-space-size=200'],
    // Files follow one another in the same processes: a process for each would be a tenth of the time of all.
    isolate: false,
    setupFiles: './test/support/as-found.ts',
    // More than twice the cores of the smallest machine: a test waits for engines and for timers half of the time. All of
    // them and their engines take at most 6 GB.
    maxWorkers: 5,
    // These stop what hangs. They are no judgement of speed: the cores may be busy with something else.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    expect: { poll: { timeout: 120_000 } },
    sequence: { sequencer: SlowestFirst },
    env: {
      LIFEBOAT_BUNDLES: join(state, 'bundles'),
      LIFEBOAT_PG_TEMPLATES: join(state, 'postgres-templates'),
      NODE_COMPILE_CACHE: join(state, 'compiled'),
    },
    projects: [
      { extends: true, test: { name: 'unit', include: everything, exclude: [...engineFiles, ...drillFiles] } },
      { extends: true, test: { name: 'engines', include: engineFiles, globalSetup: sharedEngines, env: inMemory } },
      { extends: true, test: { name: 'drills', include: drillFiles, globalSetup: sharedEngines } },
      ...otherPostgres.map(({ major, folder }) => ({
        extends: true as const,
        test: {
          name: `postgres-${major}`,
          include: majorFiles,
          env: { ...inMemory, LIFEBOAT_PG_BIN: folder, PATH: `${folder}:${process.env['PATH'] ?? ''}` },
        },
      })),
    ],
  },
});
