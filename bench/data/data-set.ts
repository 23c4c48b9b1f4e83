/**
 * The appliance that is measured: seeded once, put back to the same state before every run. Only PostgreSQL changes
 * (the second backups update rows), so only its data directory is kept as a copy.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { renderLifeboatYaml } from '../../src/dev/appliance/lifeboat-yaml.ts';
import { databaseName, describeAppliance, type SampleAppliance } from '../../src/dev/appliance/description.ts';
import { prepareAppliance } from '../../src/dev/appliance/prepare.ts';
import { seedAppliance } from '../../src/dev/appliance/seed/seed.ts';
import { withClient } from '../../src/dev/appliance/seed/with-client.ts';
import type { ApplianceSize } from '../../src/dev/appliance/seed/sizes.ts';
import { findEmbeddingModel, findPostgresBin, findRedisServer } from '../../src/dev/engines.ts';
import { stateFolder } from '../../src/dev/folders.ts';
import { freePorts } from '../../src/dev/free-ports.ts';
import { markRunPlace } from '../../src/dev/run-place.ts';
import type { Appliance } from '../../src/domain/appliance.ts';
import { loadConfiguration } from '../../src/config/load.ts';
import { wireParts } from '../../workers/parts.ts';
import type { Platform } from '../../src/platform/platform.ts';
import { runScript } from '../command.ts';

export interface DataSet {
  readonly sample: SampleAppliance;
  readonly appliance: Appliance;
  readonly configFile: string;
  readonly platform: Platform;
  readonly temporalPorts: { readonly port: number; readonly uiPort: number };
  /** For peers and scratch restores; emptied by whoever uses a part of it. */
  readonly work: string;
  /** Puts PostgreSQL back to its seeded state and starts PostgreSQL and Redis. */
  reset(): Promise<void>;
  stop(): Promise<void>;
}

interface Remembered {
  readonly ports: readonly [number, number, number, number, number];
  readonly passwords: SampleAppliance['passwords'];
  readonly seededAt: string | null;
}

/** Sessions in Redis live at least six hours: an older data set would lose keys while it is measured. */
const oldestMs = 3 * 3600 * 1000;
const serviceMs = 300_000;

/** Uses what an earlier benchmark kept, if it is fresh. Everything is started when it returns. */
export async function openDataSet(size: ApplianceSize, say: (text: string) => void): Promise<DataSet> {
  const folder = join(stateFolder(), 'bench', size);
  markRunPlace(folder);
  const known = await readRemembered(folder);
  const remembered = known ?? (await makeRemembered(folder));
  const dataSet = await describe(folder, remembered);
  if (remembered.seededAt === null) {
    await seed(dataSet, size, say);
    await writeRemembered(folder, { ...remembered, seededAt: new Date().toISOString() });
  } else say(`uses the appliance seeded at ${remembered.seededAt}`);
  await dataSet.reset();
  return dataSet;
}

export async function removeDataSet(size: ApplianceSize): Promise<void> {
  await rm(join(stateFolder(), 'bench', size), { recursive: true, force: true, maxRetries: 5 });
}

async function readRemembered(folder: string): Promise<Remembered | undefined> {
  const text = await readFile(join(folder, 'description.json'), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const remembered = JSON.parse(text) as Remembered;
  if (remembered.seededAt === null || Date.now() - Date.parse(remembered.seededAt) > oldestMs) return undefined;
  return remembered;
}

async function makeRemembered(folder: string): Promise<Remembered> {
  // Services of an interrupted benchmark would hold files that are deleted here.
  const left = await readFile(join(folder, 'description.json'), 'utf8').catch(() => undefined);
  if (left !== undefined) await (await describe(folder, JSON.parse(left) as Remembered)).stop();
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const secret = (): string => randomBytes(18).toString('base64url');
  const ports = (await freePorts(5)) as [number, number, number, number, number];
  const remembered: Remembered = { ports, passwords: { postgres: secret(), redis: secret() }, seededAt: null };
  await writeRemembered(folder, remembered);
  return remembered;
}

async function writeRemembered(folder: string, remembered: Remembered): Promise<void> {
  await writeFile(join(folder, 'description.json'), JSON.stringify(remembered), { mode: 0o600 });
}

async function describe(folder: string, { ports, passwords }: Remembered): Promise<DataSet> {
  const [postgres, redis, app, temporalPort, uiPort] = ports;
  const sample = describeAppliance({
    stateFolder: folder,
    user: undefined,
    ports: { postgres, redis, app },
    passwords,
    binaries: { node: process.execPath, postgresBin: findPostgresBin(), redisServer: findRedisServer() },
    temporal: { address: `127.0.0.1:${temporalPort}`, uiUrl: `http://127.0.0.1:${uiPort}` },
    offSite: undefined,
    webhookUrl: undefined,
  });
  const configFile = join(folder, 'lifeboat.yaml');
  await writeFile(configFile, renderLifeboatYaml(sample), { mode: 0o600 });
  const { appliance } = await loadConfiguration(configFile);
  const { platform } = wireParts(appliance);
  const stop = async (): Promise<void> => {
    for (const service of ['app', 'redis', 'postgres']) await platform.stop(service, AbortSignal.timeout(serviceMs));
  };
  return {
    sample,
    appliance,
    configFile,
    platform,
    temporalPorts: { port: temporalPort, uiPort },
    work: join(folder, 'work'),
    reset: async () => {
      await stop();
      await copyFolder(baselineOf(folder), sample.folders.postgresData);
      await startEngines(platform, sample);
    },
    stop,
  };
}

async function seed(
  { sample, platform, work }: DataSet,
  size: ApplianceSize,
  say: (text: string) => void,
): Promise<void> {
  await prepareAppliance(sample);
  await mkdir(work, { recursive: true });
  await startEngines(platform, sample);
  await seedAppliance(sample, {
    size,
    modelPath: findEmbeddingModel(),
    cacheFolder: join(stateFolder(), 'embeddings'),
    onProgress: say,
  });
  // A table that nobody read since it was filled writes a page image per page at the first read, whoever reads first.
  await withClient(sample, databaseName, async (client) => client.query('vacuum (freeze, analyze)'));
  await withClient(sample, 'postgres', async (client) => {
    for (const setting of settings) await client.query(`alter system set ${setting}`);
    await client.query('checkpoint');
  });
  await platform.stop('postgres', AbortSignal.timeout(serviceMs));
  await copyFolder(sample.folders.postgresData, baselineOf(sample.stateFolder));
}

/** Archiving must be on from the start for pgBackRest; its command is set only while pgBackRest is measured. Vacuum would come when it likes. */
const settings = [
  'archive_mode = on',
  `archive_command = '/bin/true'`,
  'autovacuum = off',
  `checkpoint_timeout = '1h'`,
  `max_wal_size = '8GB'`,
];

function baselineOf(folder: string): string {
  return join(folder, 'baseline');
}

/** Redis 7 waits 5 s before it sends a snapshot to `redis-cli --rdb`, in case another replica comes: a gift to the peers. */
async function startEngines(platform: Platform, { ports, passwords }: SampleAppliance): Promise<void> {
  await Promise.all(
    ['postgres', 'redis'].map(async (service) => platform.start(service, AbortSignal.timeout(serviceMs))),
  );
  await runScript('redis-cli -p "$REDIS_PORT" config set repl-diskless-sync-delay 0', {
    env: { REDIS_PORT: String(ports.redis), REDISCLI_AUTH: passwords.redis },
  });
}

async function copyFolder(from: string, to: string): Promise<void> {
  await rm(to, { recursive: true, force: true, maxRetries: 5 });
  await runScript('cp -a "$FROM" "$TO"', { env: { FROM: from, TO: to } });
}
