/** The one place that builds everything from configuration: repository, drivers, platform, notifier. */
import type { Client } from '@temporalio/client';
import type { Logger } from 'pino';
import type { Dependencies, RunObserver } from '../activities/dependencies.ts';
import { ensureAlwaysOn } from '../src/client/always-on.ts';
import { dueTimes } from '../src/client/due-times.ts';
import { readSecret } from '../src/config/secrets.ts';
import type { Appliance, ComponentConfig } from '../src/domain/appliance.ts';
import { LifeboatError } from '../src/domain/errors.ts';
import type { Driver, DriverEnvironment } from '../src/drivers/driver.ts';
import { createFilesDriver } from '../src/drivers/files/driver.ts';
import { createModelsDriver } from '../src/drivers/models/driver.ts';
import { createPostgresDriver } from '../src/drivers/postgres/driver.ts';
import { createRedisDriver } from '../src/drivers/redis/driver.ts';
import { createVectorstoreDriver } from '../src/drivers/vectorstore/driver.ts';
import { createNotifier, type Notifier } from '../src/notify/webhook.ts';
import { createProcessPlatform } from '../src/platform/process/process-platform.ts';
import type { Platform } from '../src/platform/platform.ts';
import { readIdentity } from '../src/repository/identity.ts';
import { openRepository } from '../src/repository/open.ts';
import type { KeySource } from '../src/repository/keys.ts';
import type { Repository } from '../src/repository/repository.ts';
import type { Storage } from '../src/storage/storage.ts';
import { createStorages } from './locations.ts';

export interface Parts {
  readonly appliance: Appliance;
  /** The repository, or its copy in a location. RepositoryMismatch where another one lies there than is expected. */
  readonly repository: (expectedId?: string, location?: string) => Promise<Repository>;
  /** Where a location keeps its objects; the repository's own place without a name. NotFound. */
  readonly storage: (location?: string) => Promise<Storage>;
  readonly driver: (component: string) => Driver;
  readonly platform: Platform;
  readonly notifier: Notifier;
  readonly close: () => Promise<void>;
}

/** Everything that works without Temporal: the command line's reading commands, the benchmark and the worker share it. */
export function wireParts(appliance: Appliance, onWarning: (message: string) => void = () => undefined): Parts {
  const environment: DriverEnvironment = { stateDir: appliance.stateDir, secret: readSecret };
  const drivers = new Map(appliance.components.map((config) => [config.id, createDriver(config, environment)]));
  const storage = createStorages(appliance);
  /** By place and id: a disk that is exchanged and comes back is the same repository. */
  const opened = new Map<string, Promise<Repository>>();
  const open = async (place: Storage, id: string): Promise<Repository> => {
    const name = `${place.description} ${id}`;
    const known = opened.get(name);
    if (known !== undefined) return known;
    const opening = keySourceOf(appliance).then(async (source) =>
      openRepository(place, source, { expectedId: id, onWarning }),
    );
    opened.set(name, opening);
    // A key that is mended later must be found by the next call.
    opening.catch(() => opened.delete(name));
    return opening;
  };
  return {
    appliance,
    storage,
    repository: async (expectedId, location) => {
      const place = await storage(location);
      // Asked each time: a disk that was taken away leaves an empty folder, into which an open repository would write on.
      const { identity } = await readIdentity(place);
      if (expectedId !== undefined && expectedId !== identity.id) {
        throw new LifeboatError(
          'RepositoryMismatch',
          `the repository at ${place.description} has id ${identity.id}, this run began with ${expectedId}`,
        );
      }
      return open(place, identity.id);
    },
    driver: (component) => {
      const driver = drivers.get(component);
      if (driver === undefined)
        throw new LifeboatError('NotFound', `component \`${component}\` is not configured`, { component });
      return driver;
    },
    platform: createProcessPlatform(appliance.services, async (component, signal) => {
      const engine = drivers.get(component);
      if (engine?.ready === undefined) throw new LifeboatError('Internal', `component \`${component}\` has no server`);
      return engine.ready(signal);
    }),
    notifier: createNotifier(appliance.notify.webhook),
    close: async () => {
      for (const opening of opened.values()) await (await opening.catch(() => undefined))?.close();
    },
  };
}

export interface ActivityParts {
  readonly client: Client;
  /** False where the search attributes could not be registered. */
  readonly searchable: boolean;
  readonly log: Logger;
  readonly observer: RunObserver;
}

export function wireActivities(parts: Parts, more: ActivityParts): Dependencies {
  return {
    ...parts,
    ...more,
    dueTimes: (scheduleId, from, until) => dueTimes(more.client, scheduleId, from, until),
    keepAlwaysOn: async () => ensureAlwaysOn(more.client, parts.appliance, more.log),
  };
}

export async function keySourceOf({ repository }: Appliance): Promise<KeySource> {
  const { encryption } = repository;
  if (encryption.mode === 'none') return { mode: 'none' };
  const secret = (await readSecret(encryption.secret)) ?? '';
  return encryption.mode === 'key' ? { mode: 'key', key: secret } : { mode: 'passphrase', passphrase: secret };
}

function createDriver(config: ComponentConfig, environment: DriverEnvironment): Driver {
  switch (config.kind) {
    case 'postgres':
      return createPostgresDriver(config, environment);
    case 'redis':
      return createRedisDriver(config, environment);
    case 'vectorstore':
      return createVectorstoreDriver(config, environment);
    case 'models':
      return createModelsDriver(config, environment);
    case 'files':
      return createFilesDriver(config, environment);
  }
}
