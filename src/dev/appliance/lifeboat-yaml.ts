/** lifeboat.yaml of the sample appliance. */
import { join } from 'node:path';
import { stringify } from 'yaml';
import { fileURLToPath } from 'node:url';
import { quietSchedules } from './quiet-schedules.ts';
import { appUrl, databaseName, envFile, type OffSite, type SampleAppliance } from './description.ts';

/** Names of the files below `folders.secrets`. */
export const secretFiles = {
  postgres: 'postgres-password',
  redis: 'redis-password',
  repositoryKey: 'repository-key',
  offSite: 'off-site-secret-key',
} as const;

export function renderLifeboatYaml(appliance: SampleAppliance): string {
  const { folders, name, offSite, temporal, webhookUrl } = appliance;
  return stringify({
    appliance: name,
    state: folders.lifeboat,
    repository: {
      path: folders.repository,
      encryption: { key: { file: join(folders.secrets, secretFiles.repositoryKey) } },
    },
    ...(offSite === undefined ? {} : { locations: { s3: locationOf(appliance, offSite) } }),
    temporal: { address: temporal.address, ui: temporal.uiUrl },
    ...(webhookUrl === undefined ? {} : { notify: { webhook: webhookUrl } }),
    // The story makes its own backups, and proves them by restoring.
    schedules: quietSchedules('backup-full'),
    verification: { afterBackup: false },
    metrics: { listen: 'off' },
    services: servicesOf(appliance),
    components: componentsOf(appliance),
  });
}

function locationOf({ folders }: SampleAppliance, { endpoint, bucket, accessKey }: OffSite): object {
  return {
    kind: 's3',
    bucket,
    endpoint,
    accessKey,
    secretKey: { file: join(folders.secrets, secretFiles.offSite) },
    storageClass: '',
    // The sample's server has no encryption of its own; what is stored there is sealed anyway.
    sse: 'none',
  };
}

function servicesOf(appliance: SampleAppliance): object {
  const { folders, user } = appliance;
  const common = (service: string): object => ({
    ...(user === undefined ? {} : { user }),
    pidFile: pidFileOf(appliance, service),
    logFile: join(folders.run, `${service}.log`),
  });
  return {
    postgres: {
      command: postgresCommand(appliance),
      ...common('postgres'),
      // SIGINT is PostgreSQL's fast shutdown: it does not wait for clients.
      stopSignal: 'SIGINT',
      ready: { engine: 'postgres' },
      stopTimeout: '60s',
      startTimeout: '120s',
    },
    redis: {
      command: redisCommand(appliance),
      ...common('redis'),
      ready: { engine: 'redis' },
      stopTimeout: '60s',
      startTimeout: '60s',
    },
    app: {
      dependsOn: ['postgres', 'redis'],
      command: appCommand(appliance),
      env: appEnvironment(appliance),
      ...common('app'),
      ready: { health: `${appUrl(appliance)}/health/detailed` },
      stopTimeout: '30s',
      startTimeout: '60s',
    },
  };
}

function componentsOf(appliance: SampleAppliance): object {
  const { folders, ports, binaries } = appliance;
  return {
    postgres: {
      kind: 'postgres',
      priority: 1,
      services: ['postgres'],
      port: ports.postgres,
      password: { file: join(folders.secrets, secretFiles.postgres) },
      database: databaseName,
      dataDirectory: folders.postgresData,
      binDirectory: binaries.postgresBin,
      // The demo shows how little can be lost; it writes more, smaller objects than the default.
      wal: { sealEvery: '0.5s' },
    },
    redis: {
      kind: 'redis',
      priority: 2,
      services: ['redis'],
      port: ports.redis,
      password: { file: join(folders.secrets, secretFiles.redis) },
      dataDirectory: folders.redisData,
      configFiles: [join(folders.redis, 'redis.conf')],
      serverBinary: binaries.redisServer,
    },
    vectorstore: {
      kind: 'vectorstore',
      priority: 2,
      services: ['app'],
      path: folders.vectorstore,
      // The app saves its index as a whole every few seconds under traffic.
      quiet: '1s',
      memoryLimit: '1GiB',
      embeddingModel: appliance.embeddingModelName,
      rebuild: { command: rebuildCommand(appliance), timeout: '10m' },
    },
    models: { kind: 'models', priority: 2, services: ['app'], path: folders.models, memoryLimit: '2GiB' },
    configuration: {
      kind: 'files',
      tier: 'configuration',
      priority: 1,
      services: ['app'],
      paths: [folders.configuration],
    },
  };
}

/** The foreground commands, also for whoever starts the services without Lifeboat. */
export function postgresCommand({ binaries, folders }: SampleAppliance): string[] {
  return [join(binaries.postgresBin, 'postgres'), '-D', folders.postgresData];
}

export function redisCommand({ binaries, folders }: SampleAppliance): string[] {
  return [binaries.redisServer, join(folders.redis, 'redis.conf')];
}

export function appCommand({ binaries }: SampleAppliance): string[] {
  return [binaries.node, '--no-warnings', fileURLToPath(new URL('./app/main.ts', import.meta.url))];
}

function rebuildCommand(appliance: SampleAppliance): string[] {
  const script = fileURLToPath(new URL('./app/ask-rebuild.ts', import.meta.url));
  return [appliance.binaries.node, '--no-warnings', script, appUrl(appliance), '7'];
}

/** No secret: those stand in the file that is named here. */
export function appEnvironment(appliance: SampleAppliance): Record<string, string> {
  return { COMPANION_ENV_FILE: envFile(appliance) };
}

export function pidFileOf({ folders }: SampleAppliance, service: string): string {
  return join(folders.run, `${service}.pid`);
}
