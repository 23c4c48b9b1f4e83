/** Proves restored keys: expected from the snapshot in the repository, actual from a snapshot that the engine itself makes now. */
import { mkdir, mkdtemp, open, rm, type FileHandle } from 'node:fs/promises';
import { freemem } from 'node:os';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import type { RedisConfig } from '../../domain/appliance.ts';
import { formatBytes } from '../../domain/duration.ts';
import { notCompared } from '../../domain/probes.ts';
import type { ProbeResult } from '../../domain/recovery-point.ts';
import type { DriverEnvironment, RestoreContext } from '../driver.ts';
import { removeTree } from '../swap/remove-tree.ts';
import { stagingPath } from '../swap/staging.ts';
import { dumpError } from './capture.ts';
import type { Comparison } from './compare-snapshots.ts';
import { endpointOf, info, withRedis } from './connection.ts';
import { replicaOf, type Replica } from './deployment.ts';
import { withHeldDump, type HeldDump } from './dump-work.ts';
import { configFolder, dumpPath, readFacts, type RedisFacts } from './facts.ts';
import { knownSettings } from './known-settings.ts';
import { giveTo, layoutPaths, linkLayout, privateLayout } from './layout.ts';
import type { Layout } from './possible-starts.ts';
import { withPrivateServer } from './private-server.ts';
import { restoredFacts } from './restored-facts.ts';
import { RdbError } from './rdb-steps.ts';
import { findServerBinary, type ServerBinary } from './server-binary.ts';
import { openSnapshot } from './snapshot.ts';
import { engineOwner } from './stage.ts';

/**
 * L3 and L4, away from live: the staged dump's checksum and structure, then a private server loads the staged layout
 * (hard links to it) and what it holds is compared key by key. Where this host has no redis-server, or no memory for a
 * second dataset, only the first: the keys are not compared before the probe after the start.
 */
export async function validateRedis(
  config: RedisConfig,
  environment: DriverEnvironment,
  context: RestoreContext,
): Promise<ProbeResult[]> {
  const { facts, layout } = await restoredFacts(config, environment, context);
  const staged = await stagingPath(config.dataDirectory, config.id, context.staged);
  const dump = await open(join(staged, layout.dumps[0]), 'r');
  try {
    return await withHeldDump({ dump, keys: keysOf(facts), signal: context.signal }, async (held) => {
      const structure = await proveStructure(held, facts, config.id);
      if (!structure.ok) return [structure];
      const binary = await findServerBinary(config, environment.target);
      if (binary === undefined) return [structure, keysNotCompared(facts, config.id, 'this host has no redis-server')];
      const free = freemem();
      if (free < facts.memoryBytes) {
        const why = `loading takes ${formatBytes(facts.memoryBytes)} of memory, ${formatBytes(free)} are free`;
        return [structure, keysNotCompared(facts, config.id, why)];
      }
      return [
        structure,
        ...(await proveByLoading({ config, environment, context, facts, layout, staged, held, binary })),
      ];
    });
  } finally {
    await dump.close();
  }
}

type Stored = Pick<RestoreContext, 'repository' | 'record' | 'signal'>;

/** Fetches the dump below the state folder, and removes it again. */
async function withStoredDump<T>(
  { stateDir }: DriverEnvironment,
  { repository, record, signal }: Stored,
  work: (dump: FileHandle) => Promise<T>,
): Promise<T> {
  await mkdir(stateDir, { recursive: true });
  const folder = await mkdtemp(join(stateDir, 'redis-probe-'));
  try {
    await repository.materialize({
      indexId: record.indexId,
      into: folder,
      place: (entry) => (entry.path === dumpPath ? dumpPath : undefined),
      owner: 'self',
      signal,
    });
    const dump = await open(join(folder, dumpPath), 'r');
    try {
      return await work(dump);
    } finally {
      await dump.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Against the running restored engine. EngineUnavailable, AuthFailed and others of `withRedis`. */
export async function probeRedis(
  config: RedisConfig,
  environment: DriverEnvironment,
  context: RestoreContext,
): Promise<ProbeResult[]> {
  const facts = await readFacts(context);
  const endpoint = await endpointOf(config, environment);
  const { stateDir } = environment;
  const { signal } = context;
  return withStoredDump(environment, context, async (dump) =>
    withHeldDump({ dump, keys: keysOf(facts), signal }, async (held) =>
      withRedis(endpoint, async (client) => {
        const settings = await knownSettings(client, config, environment.startCommands);
        const snapshot = await openSnapshot({ client, endpoint, config, settings, stateDir, signal });
        try {
          const compared = await compare(held, snapshot.handle, snapshot.until, config.id);
          return [...describeRole(await replicaOf(client), config.id), ...describeComparison(compared, config.id)];
        } finally {
          await snapshot.close();
        }
      }),
    ),
  );
}

/** A replica takes what its primary has, and loses what was restored as soon as it reaches it. */
function describeRole(replica: Replica | undefined, component: string): ProbeResult[] {
  if (replica === undefined) return [];
  const actual = `replica of ${replica.primary}, which will replace the restored keys`;
  return [{ component, name: 'role of the server', expected: 'primary', actual, ok: false }];
}

async function proveStructure(held: HeldDump, facts: RedisFacts, component: string): Promise<ProbeResult> {
  const expected = `${facts.keys} keys, ${facts.expiring} with an expiry, checksum holds`;
  try {
    const { keys, expiring } = await held.summary;
    const actual = `${keys} keys, ${expiring} with an expiry, checksum holds`;
    return { component, name: 'structure of the dump', expected, actual, ok: actual === expected };
  } catch (error) {
    if (!(error instanceof RdbError)) throw error;
    return { component, name: 'structure of the dump', expected, actual: error.message, ok: false };
  }
}

interface Loading {
  readonly config: RedisConfig;
  readonly environment: DriverEnvironment;
  readonly context: RestoreContext;
  readonly facts: RedisFacts;
  readonly layout: Layout;
  readonly staged: string;
  readonly held: HeldDump;
  readonly binary: ServerBinary;
}

async function proveByLoading({
  config,
  environment,
  context,
  facts,
  layout,
  staged,
  held,
  binary,
}: Loading): Promise<ProbeResult[]> {
  // Beside the staging, so that hard links reach; under a staging name, so that it is removed with it.
  const folder = `${staged}-check`;
  await removeTree(folder);
  await mkdir(folder, { mode: 0o700 });
  try {
    await linkLayout(staged, folder, layout, facts);
    const user = await engineOwner(config, facts);
    if (user !== undefined) await giveTo(layoutPaths(folder, privateLayout(layout), facts), user);
    const modules = await capturedModules(context, facts);
    return await withPrivateServer(
      {
        component: config.id,
        target: environment.target,
        binary,
        folder,
        append: layout.appends[0],
        modules,
        user,
        signal: context.signal,
      },
      async (client) => {
        const loaded = await proveLoaded(client, facts, config.id);
        // Puts another file in the place of the hard link; the staged dump stays what it is.
        await client.save();
        const actual = await open(join(folder, dumpPath), 'r');
        try {
          return [loaded, ...describeComparison(await compare(held, actual, new Date(), config.id), config.id)];
        } finally {
          await actual.close();
        }
      },
    );
  } finally {
    await removeTree(folder);
  }
}

/** X5: a server that ignored the dump starts empty and looks healthy. */
async function proveLoaded(client: Redis, facts: RedisFacts, component: string): Promise<ProbeResult> {
  const state = await info(client, 'persistence');
  const loaded = Number(state['rdb_last_load_keys_loaded'] ?? 0);
  const expired = Number(state['rdb_last_load_keys_expired'] ?? 0);
  const expected = `${facts.keys} keys loaded or expired`;
  return {
    component,
    name: 'keys loaded by a private server',
    expected,
    actual: `${loaded + expired} keys loaded or expired`,
    ok: loaded + expired === facts.keys,
  };
}

/** The dump of the engine: what it lacks is told as a fault of the source. */
async function compare(held: HeldDump, actual: FileHandle, at: Date, component: string): Promise<Comparison> {
  try {
    return await held.compare(actual, at);
  } catch (error) {
    throw dumpError(error, component);
  }
}

/** With the function libraries, which are compared as keys are. */
function keysOf({ keys, functions }: RedisFacts): number {
  return keys + functions;
}

const keysProbe = 'value and expiry of every key';

function keysNotCompared(facts: RedisFacts, component: string, why: string): ProbeResult {
  return notCompared({ component, name: keysProbe, expected: `${keysOf(facts)} keys as captured` }, why);
}

function describeComparison(found: Comparison, component: string): ProbeResult[] {
  const isRight = found.missing === 0 && found.different === 0;
  const extra = found.extra === 0 ? '' : `; ${found.extra} written since`;
  const summary: ProbeResult = {
    component,
    name: keysProbe,
    expected: `${found.expectedKeys} keys as captured, or expired since`,
    actual: `${found.same} as captured, ${found.expired} expired, ${found.different} different, ${found.missing} missing${extra}`,
    ok: isRight,
    content: true,
  };
  return [
    summary,
    ...found.named.map(({ key, actual }): ProbeResult => ({
      component,
      name: `key ${key}`,
      expected: 'as captured',
      actual,
      ok: false,
    })),
  ];
}

/** From the captured redis.conf; a module file that this host lacks makes the load fail, which is true. */
async function capturedModules({ repository, record }: RestoreContext, facts: RedisFacts): Promise<string[][]> {
  const modules: string[][] = [];
  for (const path of facts.configFiles.filter((file) => file.endsWith('.conf'))) {
    const bytes = await repository.readFile(record.indexId, `${configFolder}${path}`);
    const lines = Buffer.from(bytes ?? '')
      .toString('utf8')
      .split('\n');
    for (const line of lines) {
      const [word, ...words] = line.trim().split(/\s+/);
      if (word === 'loadmodule') modules.push(words);
    }
  }
  return modules;
}
