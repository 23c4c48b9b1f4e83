/** Parsed configuration → domain appliance. Only renames and shapes; every default was filled in by the schema. */
import type { ChannelConfig } from '../domain/channel.ts';
import type {
  Appliance,
  ComponentConfig,
  LocationConfig,
  RepositoryConfig,
  ServiceConfig,
  SlotGuard,
  TlsConfig,
} from '../domain/appliance.ts';
import type { SecretRef } from '../domain/secret-ref.ts';
import type { RetentionLimits } from '../domain/retention.ts';
import type { Priority } from '../domain/component.ts';
import type { Configuration } from './schema/configuration.ts';
import type { ScheduleConfig } from '../domain/schedules.ts';

type ParsedTls = Extract<Configuration['components'][string], { kind: 'redis' }>['tls'];
type ParsedSchedule = Configuration['schedules']['backup-full'];
type ParsedSecret = string | { env: string } | { file: string };

export function toAppliance(config: Configuration): Appliance {
  return {
    name: config.appliance,
    formerNames: config.formerNames,
    host: config.host,
    stateDir: config.state,
    objectives: {
      rpoSeconds: config.objectives.rpo,
      rtoSeconds: config.objectives.rto,
      verifiedSeconds: config.objectives.verified,
    },
    repository: repositoryOf(config.repository),
    locations: Object.entries(config.locations).map(([name, location]) =>
      locationOf(name, location, config.repository.retention.wal),
    ),
    temporal: {
      address: config.temporal.address,
      namespace: config.temporal.namespace,
      taskQueue: config.temporal.taskQueue,
      uiUrl: config.temporal.ui.replace(/\/$/, ''),
      tls: tlsOf(config.temporal.tls),
      apiKey: optionalSecret(config.temporal.apiKey),
      service: config.temporal.service,
    },
    metrics: { listen: config.metrics.listen === 'off' ? undefined : config.metrics.listen },
    verification: config.verification,
    notify: { channels: channelsOf(config.notify) },
    platform: config.platform,
    schedules: {
      'backup-full': scheduleOf(config.schedules['backup-full']),
      'backup-incremental': scheduleOf(config.schedules['backup-incremental']),
      'backup-critical': scheduleOf(config.schedules['backup-critical']),
      'backup-monitoring': scheduleOf(config.schedules['backup-monitoring']),
      'backup-configuration': scheduleOf(config.schedules['backup-configuration']),
      replicate: scheduleOf(config.schedules.replicate),
      'verify-daily': scheduleOf(config.schedules['verify-daily']),
      'prove-weekly': scheduleOf(config.schedules['prove-weekly']),
      'rpo-watch': scheduleOf(config.schedules['rpo-watch']),
      retention: scheduleOf(config.schedules.retention),
    },
    services: Object.entries(config.services).map(([name, service]) => serviceOf(name, service, config.components)),
    components: Object.entries(config.components).map(([id, component]) =>
      componentOf(config.appliance, id, component),
    ),
  };
}

function scheduleOf({ cron, timeZone, overlap, catchup, jitter, enabled }: ParsedSchedule): ScheduleConfig {
  return { cron, timeZone, overlap, catchupSeconds: catchup, jitterSeconds: jitter, enabled };
}

function repositoryOf(config: Configuration['repository']): RepositoryConfig {
  const { path, reserve: reserveBytes, capacity: capacityBytes, encryption } = config;
  const common = { path, reserveBytes, capacityBytes, retention: retentionOf(config.retention) };
  if (encryption === 'none') return { ...common, encryption: { mode: 'none' } };
  return 'key' in encryption
    ? { ...common, encryption: { mode: 'key', secret: secretOf(encryption.key) } }
    : { ...common, encryption: { mode: 'passphrase', secret: secretOf(encryption.passphrase) } };
}

/** `webhook` alone is a channel of Slack's shape; where no channel is named, the variable that the documents use is one. */
function channelsOf({ webhook, channels }: Configuration['notify']): ChannelConfig[] {
  const own = Object.entries(channels).map(([name, channel]) => channelOf(name, channel));
  const url = optionalSecret(webhook) ?? (own.length === 0 ? defaultWebhook() : undefined);
  return [...(url === undefined ? [] : [{ kind: 'slack', name: 'webhook', from: 'info', url } as const]), ...own];
}

/** The guide's own variable. */
function defaultWebhook(): SecretRef | undefined {
  return process.env.SLACK_WEBHOOK_URL === undefined ? undefined : { from: 'env', name: 'SLACK_WEBHOOK_URL' };
}

function channelOf(name: string, channel: Configuration['notify']['channels'][string]): ChannelConfig {
  switch (channel.kind) {
    case 'slack':
      return { ...channel, name, url: secretOf(channel.url) };
    case 'email':
      return { ...channel, name, user: channel.user, password: optionalSecret(channel.password) };
    case 'webhook':
      return { ...channel, name, url: secretOf(channel.url), key: secretOf(channel.key) };
    case 'ntfy':
      return { ...channel, name, topic: secretOf(channel.topic), token: optionalSecret(channel.token) };
  }
}

function slotGuardOf(
  guard: { readonly freeBelow: number; readonly heldAbove: number } | undefined,
): SlotGuard | undefined {
  return guard === undefined ? undefined : { freeBelowBytes: guard.freeBelow, heldAboveBytes: guard.heldAbove };
}

function retentionOf({ wal, ...points }: Configuration['repository']['retention']): RetentionLimits {
  return { pointSeconds: points, walSeconds: wal };
}

/** A location keeps archived WAL at least as long as the repository does: else it would be copied there again. */
function locationOf(name: string, config: Configuration['locations'][string], minWal: number): LocationConfig {
  const retention = retentionOf(config.retention);
  const common = {
    name,
    offHost: config.offHost,
    capacityBytes: config.capacity,
    retention: { ...retention, walSeconds: Math.max(retention.walSeconds, minWal) },
  };
  if (config.kind === 'local') return { ...common, kind: config.kind, path: config.path };
  if (config.kind === 'ssh') {
    const { kind, hostname, port, user, keyFile, passphrase, hostKey, path } = config;
    return { ...common, kind, hostname, port, user, keyFile, passphrase: optionalSecret(passphrase), hostKey, path };
  }
  const { kind, bucket, prefix = '', region, endpoint, storageClass, sse } = config;
  return {
    ...common,
    kind,
    bucket,
    prefix: prefix.replace(/\/$/, ''),
    region,
    endpoint,
    pathStyle: config.pathStyle ?? endpoint !== undefined,
    accessKey: optionalSecret(config.accessKey),
    secretKey: optionalSecret(config.secretKey),
    storageClass,
    sse,
  };
}

function secretOf(secret: ParsedSecret): SecretRef {
  if (typeof secret === 'string') return { from: 'literal', value: secret };
  return 'env' in secret ? { from: 'env', name: secret.env } : { from: 'file', path: secret.file };
}

const optionalSecret = (secret: ParsedSecret | undefined): SecretRef | undefined =>
  secret === undefined ? undefined : secretOf(secret);

function tlsOf(tls: ParsedTls): TlsConfig | undefined {
  return tls === undefined ? undefined : { ca: tls.ca, cert: tls.cert, key: tls.key, serverName: tls.serverName };
}

function componentOf(appliance: string, id: string, config: Configuration['components'][string]): ComponentConfig {
  const base = {
    id,
    host: config.host,
    tier: config.tier,
    priority: config.priority as Priority,
    services: config.services,
  };
  switch (config.kind) {
    case 'postgres': {
      const { kind, hostname, port, user, database, dataDirectory, binDirectory, osUser, fingerprintUpTo } = config;
      return {
        ...base,
        kind,
        hostname,
        port,
        user,
        password: optionalSecret(config.password),
        tls: tlsOf(config.tls),
        database,
        dataDirectory,
        binDirectory,
        osUser,
        fingerprintUpTo,
        wal: {
          archive: config.wal.archive,
          slot: config.wal.slot ?? slotName(appliance, id),
          sealEverySeconds: config.wal.sealEvery,
          replayLimitSeconds: config.wal.replayLimit,
          ackLocation: config.wal.ackLocation,
          slotGuard: slotGuardOf(config.wal.slotGuard),
        },
      };
    }
    case 'redis': {
      const { kind, hostname, port, username, dataDirectory, configFiles, serverBinary } = config;
      return {
        ...base,
        kind,
        hostname,
        port,
        username,
        password: optionalSecret(config.password),
        tls: tlsOf(config.tls),
        dataDirectory,
        configFiles,
        serverBinary,
      };
    }
    case 'vectorstore': {
      const { kind, path, quiet: quietSeconds, memoryLimit, embeddingModel } = config;
      const rebuild =
        config.rebuild === undefined
          ? undefined
          : { command: config.rebuild.command, timeoutSeconds: config.rebuild.timeout };
      return { ...base, kind, path, quietSeconds, memoryLimit, embeddingModel, rebuild };
    }
    case 'models':
      return { ...base, kind: config.kind, path: config.path, memoryLimit: config.memoryLimit };
    case 'files':
      return { ...base, kind: config.kind, paths: config.paths, exclude: config.exclude };
  }
}

/** A slot's name has few characters: what others become is no longer theirs alone, so two components may need `slot`. */
function slotName(appliance: string, component: string): string {
  return `lifeboat_${appliance}_${component}`
    .toLowerCase()
    .replaceAll(/[^a-z0-9_]/g, '_')
    .slice(0, 63);
}

function serviceOf(
  name: string,
  config: Configuration['services'][string],
  components: Configuration['components'],
): ServiceConfig {
  return {
    name,
    dependsOn: config.dependsOn,
    run:
      config.command === undefined
        ? { kind: 'commands', start: config.start ?? [], stop: config.stop ?? [], isRunning: config.isRunning ?? [] }
        : {
            kind: 'process',
            command: config.command,
            cwd: config.cwd,
            env: config.env,
            user: config.user,
            pidFile: config.pidFile ?? '',
            logFile: config.logFile ?? '',
            stopSignal: config.stopSignal,
          },
    ready: readyOf(config.ready, components),
    stopTimeoutSeconds: config.stopTimeout,
    startTimeoutSeconds: config.startTimeout,
  };
}

function readyOf(
  ready: Configuration['services'][string]['ready'],
  components: Configuration['components'],
): ServiceConfig['ready'] {
  if (ready === 'running') return { kind: 'running' };
  if ('http' in ready) return { kind: 'http', url: ready.http };
  if ('health' in ready) return { kind: 'health', url: ready.health };
  if ('command' in ready) return { kind: 'command', command: ready.command };
  if ('engine' in ready) {
    const engine = components[ready.engine];
    // The cross-check has refused a component without a server before.
    const { hostname: host = '', port = 0 } = engine !== undefined && 'hostname' in engine ? engine : {};
    return { kind: 'engine', component: ready.engine, host, port };
  }
  const [host = '', port = ''] = ready.tcp.split(':');
  return { kind: 'tcp', host, port: Number(port) };
}
