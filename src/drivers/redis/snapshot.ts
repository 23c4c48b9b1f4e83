/** A finished snapshot of a server as an open file: its own save where its folder is on this host, else its replication stream. */
import { constants } from 'node:fs';
import { access, mkdir, rm, type FileHandle } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import type { RedisConfig } from '../../domain/appliance.ts';
import { isAllowed } from './commands.ts';
import type { Endpoint } from './connection.ts';
import { unknownNames, type KnownSettings } from './known-settings.ts';
import { receiveDump } from './replica-dump.ts';
import { saveAndOpen } from './saved-dump.ts';

export interface Snapshot {
  readonly handle: FileHandle;
  readonly sizeBytes: number;
  /** The snapshot was taken between these. */
  readonly from: Date;
  readonly until: Date;
  readonly way: 'save' | 'replication';
  close(): Promise<void>;
}

export interface SnapshotRequest {
  readonly client: Redis;
  readonly endpoint: Endpoint;
  readonly config: RedisConfig;
  readonly settings: KnownSettings;
  readonly stateDir: string;
  readonly signal: AbortSignal;
}

export async function openSnapshot(request: SnapshotRequest): Promise<Snapshot> {
  const { client, endpoint, config, settings, stateDir, signal } = request;
  if ((await wayOf(client, config, settings)) === 'save') {
    const path = dumpFile(config, settings);
    const dump = await saveAndOpen({ client, endpoint, path, hint: notThereHint(config, settings), signal });
    return { ...dump, way: 'save', close: async () => dump.handle.close() };
  }
  await mkdir(stateDir, { recursive: true });
  const path = join(stateDir, `redis-${config.id}-${randomBytes(6).toString('hex')}.rdb`);
  try {
    const dump = await receiveDump(endpoint, path, signal);
    const close = async (): Promise<void> => {
      await dump.handle.close();
      await rm(path, { force: true });
    };
    return { ...dump, way: 'replication', close };
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
}

/** How a snapshot of the server is taken from this host. */
export async function wayOf(client: Redis, config: RedisConfig, settings: KnownSettings): Promise<Snapshot['way']> {
  if (!(await isReadableHere(config, settings))) return 'replication';
  // A name that nobody tells is not guessed where the dump comes without one.
  return settings.from === 'default' && (await isAllowed(client, ['PSYNC', '?', '-1'])) ? 'replication' : 'save';
}

function dumpFile({ dataDirectory }: RedisConfig, { dumpName }: KnownSettings): string {
  return join(dataDirectory, dumpName);
}

function notThereHint(config: RedisConfig, settings: KnownSettings): string {
  const unknown = unknownNames(settings, config);
  if (unknown === undefined) return "is `dataDirectory` the server's `dir`, seen from this host?";
  return `${unknown.text}: ${unknown.hint}`;
}

/** A folder that is there but not the server's shows itself after the save: the dump in it is old, or none. */
async function isReadableHere(config: RedisConfig, settings: KnownSettings): Promise<boolean> {
  const readable = async (path: string, mode: number): Promise<boolean> =>
    access(path, mode).then(
      () => true,
      () => false,
    );
  if (!(await readable(config.dataDirectory, constants.R_OK | constants.X_OK))) return false;
  const file = dumpFile(config, settings);
  const exists = await readable(file, constants.F_OK);
  return !exists || readable(file, constants.R_OK);
}
