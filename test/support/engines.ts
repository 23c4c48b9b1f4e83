/**
 * Real engines for tests. Each `start…` gives a handle with `stop()`, in a temporary folder of its own that `stop`
 * removes. `engineTest` offers the same as fixtures that live as long as the test file and clean up after themselves:
 *
 *   engineTest('D2.3: …', async ({ postgres, redis, temporal, folder }) => { … });
 *
 * An engine starts only when a test of the file asks for it.
 */
import * as devPostgres from '../../src/dev/postgres.ts';
import type { PostgresOptions, RunningPostgres } from '../../src/dev/postgres.ts';
import type { RedisOptions } from '../../src/dev/redis.ts';
import * as devTemporal from '../../src/dev/temporal.ts';
import type { RunningTemporal, TemporalOptions } from '../../src/dev/temporal.ts';
import * as redis from './redis.ts';
import type { RunningRedis } from './redis.ts';
import { joinSharedTemporal } from './shared-temporal.ts';
import { folderTest } from './folder-test.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** A PostgreSQL server; its crash safety is off for speed unless `settings` says otherwise. */
export async function startPostgres(options: Partial<PostgresOptions> = {}): Promise<RunningPostgres> {
  const settings = { fsync: 'off', ...options.settings };
  return inFolder('pg', options, (directory) => devPostgres.startPostgres({ ...options, directory, settings }));
}

/** A Redis server with `appendonly yes`. */
export async function startRedis(options: Partial<RedisOptions> = {}): Promise<RunningRedis> {
  return inFolder('redis', options, (directory) => redis.startRedis({ ...options, directory }));
}

/**
 * A namespace of its own on the one server that all test files share; `stop` leaves both. With any of `options` but search
 * attributes it is a server of its own, without web UI unless `headless: false`: for who stops, kills or restarts it.
 */
export async function startTemporal(options: Partial<TemporalOptions> = {}): Promise<RunningTemporal> {
  const { searchAttributes, ...own } = options;
  if (Object.keys(own).length === 0) return joinSharedTemporal(searchAttributes);
  return inFolder('temporal', options, (directory) =>
    devTemporal.startTemporal({ headless: true, ...options, directory }),
  );
}

interface EngineFixtures {
  postgres: RunningPostgres;
  redis: RunningRedis;
  temporal: RunningTemporal;
}

/* oxlint-disable no-empty-pattern -- vitest reads from the pattern which fixtures a fixture needs: none. */
export const engineTest = folderTest.extend<EngineFixtures>({
  postgres: [({}, use) => lend(startPostgres, use), { scope: 'file' }],
  redis: [({}, use) => lend(startRedis, use), { scope: 'file' }],
  temporal: [({}, use) => lend(startTemporal, use), { scope: 'file' }],
});
/* oxlint-enable no-empty-pattern */

/** A caller who gives the folder keeps it, so that an engine can be stopped and started again on the same data. */
async function inFolder<T extends { stop(): Promise<void> }>(
  prefix: string,
  options: { readonly directory?: string },
  start: (directory: string) => Promise<T>,
): Promise<T> {
  if (options.directory !== undefined) return start(options.directory);
  const folder = await temporaryFolder(prefix);
  try {
    const running = await start(folder.path);
    const stop = async () => {
      await running.stop();
      await folder.remove();
    };
    return { ...running, stop };
  } catch (error) {
    await folder.remove();
    throw error;
  }
}

async function lend<T extends { stop(): Promise<void> }>(
  start: () => Promise<T>,
  use: (engine: T) => Promise<void>,
): Promise<void> {
  const engine = await start();
  try {
    await use(engine);
  } finally {
    await engine.stop();
  }
}
