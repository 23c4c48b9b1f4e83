/** Captures a finished snapshot and what the server needs to read it. */
import { lstat } from 'node:fs/promises';
import type { Redis } from 'ioredis';
import type { RedisConfig } from '../../domain/appliance.ts';
import { LifeboatError } from '../../domain/errors.ts';
import { refusedHint } from '../../domain/refused-access.ts';
import type { JsonValue } from '../../domain/recovery-point.ts';
import { toJson } from '../../json/to-json.ts';
import type { CaptureContext, CaptureFacts, DriverEnvironment } from '../driver.ts';
import { readOwners } from '../files/owners.ts';
import { entryPath } from '../files/paths.ts';
import { endpointOf, info, withRedis, type Endpoint } from './connection.ts';
import { concernsOf, deploymentOf, refuseUnfit, replicaOf, type Deployment } from './deployment.ts';
import { configFolder, dumpPath, factsPath, type RedisFacts } from './facts.ts';
import { knownSettings, nextStartOf, type KnownSettings } from './known-settings.ts';
import { RdbReader, type RdbSummary } from './rdb-reader.ts';
import { RdbError } from './rdb-steps.ts';
import { changedAtNextStart } from './running-settings.ts';
import { openSnapshot, type Snapshot } from './snapshot.ts';
import type { StartSettings } from './next-start.ts';
import { isClusterAtStart, primaryAtStart } from './start-settings.ts';

const chunkBytes = 1 << 20;

/**
 * SourceEmpty where no database holds a key or a configured file is missing, SourceCorrupt where the dump fails its
 * checksum, VersionMismatch where it holds what this version cannot prove. Errors of `refuseUnfit`, of `withRedis` and `openSnapshot`.
 */
export async function captureRedis(
  config: RedisConfig,
  environment: DriverEnvironment,
  context: CaptureContext,
): Promise<CaptureFacts> {
  const endpoint = await endpointOf(config, environment);
  return withRedis(endpoint, async (client) => {
    const deployment = await deploymentOf(client);
    refuseUnfit(deployment, endpoint);
    await refuseEmpty(client, endpoint);
    const settings = await knownSettings(client, config, environment.startCommands);
    const configFiles = await captureConfigFiles(config, context);
    const snapshot = await openSnapshot({
      client,
      endpoint,
      config,
      settings,
      stateDir: environment.stateDir,
      signal: context.signal,
    });
    try {
      const summary = await captureDump(snapshot, context, endpoint);
      if (summary.keys === 0) throw emptyError(endpoint);
      // The link may have been lost while the server saved.
      refuseUnfit({ isSentinel: false, replica: await replicaOf(client) }, endpoint);
      const facts = await describeServer(client, config, summary, { configFiles, settings });
      const changed = await changedAtNextStart(client, config, environment.startCommands);
      await context.writer.bytes(factsPath, Buffer.from(toJson(facts)));
      const { serverVersion, rdbVersion, keys, expiring } = facts;
      return {
        capturedFrom: snapshot.from,
        capturedUntil: snapshot.until,
        quiescence: 'snapshot',
        facts: {
          serverVersion,
          rdbVersion,
          keys,
          expiring,
          way: snapshot.way,
          ...(changed.length === 0 ? {} : { configDiffers: changed.map(({ name }) => name) }),
          ...deploymentFacts(deployment, config),
          ...startFacts(deployment, await nextStartOf(client, config, environment.startCommands)),
        },
      };
    } finally {
      await snapshot.close();
    }
  });
}

/** In clear: people and plans read them without the key of the sealed ones. */
function deploymentFacts(deployment: Deployment, config: RedisConfig): Readonly<Record<string, JsonValue>> {
  const concerns = concernsOf(deployment, config).map(({ text }) => text);
  const { replica } = deployment;
  return {
    ...(concerns.length === 0 ? {} : { deployment: concerns }),
    ...(replica === undefined
      ? {}
      : { role: 'replica', primary: replica.primary, lagSeconds: replica.lagSeconds, lagBytes: replica.lagBytes }),
  };
}

/** Where the file is gone at a restore, the captured one comes back, and the plan knows it by this alone. */
function startFacts(
  { replica, isClusterNode }: Deployment,
  next: StartSettings | undefined,
): Readonly<Record<string, JsonValue>> {
  // Of a start that is not known it is believed to be like the last one.
  const primary = next === undefined ? replica?.primary : primaryAtStart(next);
  const isInCluster = next === undefined ? isClusterNode : isClusterAtStart(next);
  return {
    ...(primary === undefined ? {} : { startsAsReplicaOf: primary }),
    ...(isInCluster ? { startsInCluster: true } : {}),
  };
}

/** Asked before the fork: an empty server is the sign of a wrong port, or of the disaster itself. */
async function refuseEmpty(client: Redis, endpoint: Endpoint): Promise<void> {
  const keyspace = await info(client, 'keyspace');
  if (!Object.keys(keyspace).some((name) => name.startsWith('db'))) throw emptyError(endpoint);
}

async function captureDump(
  snapshot: Snapshot,
  { writer, onProgress, signal }: CaptureContext,
  endpoint: Endpoint,
): Promise<RdbSummary> {
  const time = BigInt(snapshot.until.getTime()) * 1_000_000n;
  const owner = { mode: 0o600, uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  const file = await writer.open(
    { path: dumpPath, type: 'file', mtimeNs: time.toString(), ...owner },
    snapshot.sizeBytes,
  );
  const reader = new RdbReader();
  try {
    for (let done = 0; done < snapshot.sizeBytes;) {
      signal.throwIfAborted();
      // A fresh buffer each time: the reader keeps what it has not used yet.
      const chunk = Buffer.allocUnsafeSlow(Math.min(chunkBytes, snapshot.sizeBytes - done));
      const { bytesRead } = await snapshot.handle.read(chunk, 0, chunk.length, done);
      if (bytesRead === 0)
        throw new LifeboatError('SourceChanged', `the dump ended after ${done} of ${snapshot.sizeBytes} bytes`, {
          component: endpoint.component,
        });
      const part = chunk.subarray(0, bytesRead);
      const written = file.write(part);
      // The reader may refuse the part before anybody waits for this.
      written.catch(() => undefined);
      reader.write(part);
      await written;
      done += bytesRead;
      onProgress({ phase: 'reading the snapshot', bytesDone: done, bytesTotal: snapshot.sizeBytes });
    }
    const summary = reader.end();
    await file.close();
    return summary;
  } catch (error) {
    throw dumpError(error, endpoint.component);
  }
}

/** RdbError in this house's words. */
export function dumpError(error: unknown, component: string): unknown {
  if (!(error instanceof RdbError)) return error;
  if (error.kind === 'unknown') {
    return new LifeboatError('VersionMismatch', error.message, {
      component,
      hint: 'upgrade Lifeboat to capture this server',
    });
  }
  return new LifeboatError('SourceCorrupt', error.message, { component });
}

async function captureConfigFiles(
  { id: component, configFiles }: RedisConfig,
  { writer }: CaptureContext,
): Promise<string[]> {
  const owners = await readOwners();
  for (const path of configFiles) {
    const stats = await lstat(path, { bigint: true }).catch((error: NodeJS.ErrnoException) => {
      const code = error.code === 'ENOENT' ? 'SourceEmpty' : 'PermissionDenied';
      throw new LifeboatError(code, `the configured file \`${path}\` cannot be read (${error.code ?? ''})`, {
        component,
        ...(code === 'SourceEmpty'
          ? {}
          : { hint: refusedHint(error.code, process.getuid?.(), 'the owner of the file') }),
        cause: error,
      });
    });
    const [uid, gid] = [Number(stats.uid), Number(stats.gid)];
    const below = entryPath(Buffer.from(`/${configFolder}${path}`));
    const entry = {
      ...below,
      type: 'file',
      mode: Number(stats.mode & 0o7777n),
      mtimeNs: stats.mtimeNs.toString(),
      uid,
      gid,
      ...owners.names(uid, gid),
    } as const;
    await writer.fromDisk(entry, path);
  }
  return [...configFiles];
}

async function describeServer(
  client: Redis,
  config: RedisConfig,
  summary: RdbSummary,
  { configFiles, settings }: { readonly configFiles: readonly string[]; readonly settings: KnownSettings },
): Promise<RedisFacts> {
  const [server, memory, owners] = [await info(client, 'server'), await info(client, 'memory'), await readOwners()];
  const folder = await lstat(config.dataDirectory).catch(() => undefined);
  return {
    serverVersion: server['redis_version'] ?? summary.aux['redis-ver'] ?? 'unknown',
    rdbVersion: summary.rdbVersion,
    keys: summary.keys,
    expiring: summary.expiring,
    functions: summary.functions,
    dumpBytes: summary.bytes,
    memoryBytes: Number(memory['used_memory'] ?? summary.aux['used-mem'] ?? 0),
    dumpName: settings.dumpName,
    appendOnly: settings.appendOnly,
    appendFolder: settings.appendFolder,
    appendName: settings.appendName,
    owner:
      folder === undefined
        ? undefined
        : { mode: folder.mode & 0o7777, uid: folder.uid, gid: folder.gid, ...owners.names(folder.uid, folder.gid) },
    configFiles,
    ...(server['config_file'] === undefined ? {} : { configFile: server['config_file'] }),
  };
}

function emptyError({ component }: Endpoint): LifeboatError {
  return new LifeboatError('SourceEmpty', 'Redis holds no key in any database', {
    component,
    hint: 'is it the right server? An empty backup would replace nothing',
  });
}
