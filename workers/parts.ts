/**
 * The one place that builds everything from configuration: repository, drivers, platform, notifier. What a command does not
 * use is not loaded; a worker loads all of it when it starts.
 */
import { readSecret } from '../src/config/secrets.ts';
import type { Appliance, ComponentConfig, PlatformConfig } from '../src/domain/appliance.ts';
import { isLifeboatError, LifeboatError } from '../src/domain/errors.ts';
import type { Driver, DriverEnvironment } from '../src/drivers/driver.ts';
import { createNotifier, type Notifier } from '../src/notify/notifier.ts';
import type { Platform } from '../src/platform/platform.ts';
import type { AskEngine } from '../src/platform/readiness.ts';
import type { Target } from '../src/platform/target.ts';
import { putIdentityBack, readIdentity } from '../src/repository/identity.ts';
import { openRepository } from '../src/repository/open.ts';
import type { KeySource } from '../src/repository/keys.ts';
import type { Repository } from '../src/repository/repository.ts';
import type { Storage } from '../src/storage/storage.ts';
import { copiesIn, createStorages } from './locations.ts';

export interface Parts {
  readonly appliance: Appliance;
  /** The repository, or its copy in a location. RepositoryMismatch where another one lies there than is expected. */
  readonly repository: (expectedId?: string, location?: string) => Promise<Repository>;
  /** Where a location keeps its objects; the repository's own place without a name. NotFound. */
  readonly storage: (location?: string) => Promise<Storage>;
  /** NotFound for a component that is not configured. */
  readonly driver: (component: string) => Promise<Driver>;
  readonly platform: Platform;
  readonly notifier: Notifier;
  /** Loads the code of all of these now: an upgrade below a process that runs must not mix two versions in it. */
  readonly loadAll: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Everything that works without Temporal: the command line's reading commands, the benchmark and the worker share it. */
export function wireParts(
  appliance: Appliance,
  onWarning: (message: string) => void = () => undefined,
  /** What keeps objects where; the benchmark's counts what is asked of it. */
  storage: Parts['storage'] = createStorages(appliance),
): Parts {
  const drivers = new Map<string, Promise<Driver>>();
  const driver = async (component: string): Promise<Driver> => {
    const known = drivers.get(component);
    if (known !== undefined) return known;
    const config = appliance.components.find(({ id }) => id === component);
    if (config === undefined)
      throw new LifeboatError('NotFound', `component \`${component}\` is not configured`, { component });
    const created = createTarget(appliance.platform).then(async (target) =>
      createDriver(config, {
        stateDir: appliance.stateDir,
        secret: readSecret,
        target,
        startCommands: commandsOf(config, appliance),
        others: appliance.components.filter(({ id, host }) => id !== component && host === config.host),
      }),
    );
    drivers.set(component, created);
    // What could not be loaded now may be there later.
    created.catch(() => drivers.delete(component));
    return created;
  };
  const platform = createLazyPlatform(appliance.platform.kind, async () => {
    return createPlatform(appliance, async (component, signal) => {
      const engine = await driver(component);
      if (engine.ready === undefined) throw new LifeboatError('Internal', `component \`${component}\` has no server`);
      return engine.ready(signal);
    });
  });
  /** By place and id: a disk that is exchanged and comes back is the same repository. */
  const opened = new Map<string, Promise<Repository>>();
  const open = async (place: Storage, id: string, isCopy: boolean): Promise<Repository> => {
    const name = `${place.description} ${id}`;
    const known = opened.get(name);
    if (known !== undefined) return known;
    const opening = keySourceOf(appliance).then(async (source) =>
      openRepository(place, source, { expectedId: id, isCopy, owner: appliance, onWarning }),
    );
    opened.set(name, opening);
    // A key that is corrected later must be found by the next call.
    opening.catch(() => opened.delete(name));
    return opening;
  };
  return {
    appliance,
    storage,
    repository: async (expectedId, location) => {
      const place = await storage(location);
      // Asked each time: a disk that was taken away leaves an empty folder, into which an open repository would write on.
      const { identity } = await readIdentity(place).catch((error: unknown) => {
        throw withCopies(error, appliance, location);
      });
      if (expectedId !== undefined && expectedId !== identity.id) {
        throw new LifeboatError(
          'RepositoryMismatch',
          `the repository at ${place.description} has id ${identity.id}, this run began with ${expectedId}`,
        );
      }
      return open(place, identity.id, (location ?? '') !== '');
    },
    driver,
    platform: platform.platform,
    notifier: createNotifier(appliance.notify.channels),
    loadAll: async () => {
      await Promise.all([
        platform.load(),
        ...appliance.components.map(async ({ id }) => driver(id)),
        ...appliance.locations.map(async ({ name }) => storage(name)),
      ]);
    },
    close: async () => {
      for (const opening of opened.values()) await (await opening.catch(() => undefined))?.close();
    },
  };
}

/** Where `repository.json` alone is lost or damaged, a copy of it lies in every location. */
function withCopies(error: unknown, { locations }: Appliance, location = ''): unknown {
  if (location !== '' || locations.length === 0) return error;
  if (!isLifeboatError(error, 'ObjectMissing', 'ObjectCorrupt')) return error;
  return new LifeboatError(error.code, error.message, { hint: putIdentityBack(copiesIn(locations)), cause: error });
}

export async function keySourceOf({ repository }: Appliance): Promise<KeySource> {
  const { encryption } = repository;
  if (encryption.mode === 'none') return { mode: 'none' };
  const secret = (await readSecret(encryption.secret)) ?? '';
  return encryption.mode === 'key' ? { mode: 'key', key: secret } : { mode: 'passphrase', passphrase: secret };
}

function commandsOf({ services: own }: ComponentConfig, { services }: Appliance): (readonly string[])[] {
  return services.flatMap(({ name, run }) => (own.includes(name) && run.kind === 'process' ? [run.command] : []));
}

async function createPlatform({ platform: { kind }, services }: Appliance, askEngine: AskEngine): Promise<Platform> {
  switch (kind) {
    case 'process':
      return (await import('../src/platform/process/process-platform.ts')).createProcessPlatform(services, askEngine);
  }
}

async function createTarget({ kind }: PlatformConfig): Promise<Target> {
  switch (kind) {
    case 'process':
      return (await import('../src/platform/process/process-target.ts')).createProcessTarget();
  }
}

async function createDriver(config: ComponentConfig, environment: DriverEnvironment): Promise<Driver> {
  switch (config.kind) {
    case 'postgres':
      return (await import('../src/drivers/postgres/driver.ts')).createPostgresDriver(config, environment);
    case 'redis':
      return (await import('../src/drivers/redis/driver.ts')).createRedisDriver(config, environment);
    case 'vectorstore':
      return (await import('../src/drivers/vectorstore/driver.ts')).createVectorstoreDriver(config, environment);
    case 'models':
      return (await import('../src/drivers/models/driver.ts')).createModelsDriver(config, environment);
    case 'files':
      return (await import('../src/drivers/files/driver.ts')).createFilesDriver(config, environment);
  }
}

/** A platform whose code is loaded by the first that uses it, or by `load`. */
function createLazyPlatform(
  kind: Platform['kind'],
  create: () => Promise<Platform>,
): {
  readonly platform: Platform;
  readonly load: () => Promise<Platform>;
} {
  let created: Promise<Platform> | undefined;
  const load = async (): Promise<Platform> => {
    const loading = (created ??= create());
    loading.catch(() => (created = undefined));
    return loading;
  };
  const platform: Platform = {
    kind,
    stop: async (service, signal) => (await load()).stop(service, signal),
    start: async (service, signal) => (await load()).start(service, signal),
    state: async (service) => (await load()).state(service),
    check: async () => (await load()).check(),
    refuseUnsteerable: async (services) => (await load()).refuseUnsteerable(services),
  };
  return { platform, load };
}
