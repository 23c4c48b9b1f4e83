/**
 * The worker: one process runs the workflows and all roles of this host, `only` splits the roles over processes.
 * The death of one of its workers ends them all, non-zero: half a worker would look alive.
 */
import { Client } from '@temporalio/client';
import {
  NativeConnection,
  Runtime,
  TransportError,
  Worker,
  makeTelemetryFilterString,
  type LogLevel,
  type WorkerOptions,
} from '@temporalio/worker';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { createComponentActivities } from '../activities/component.ts';
import { createControlActivities } from '../activities/control.ts';
import { createPlatformActivities } from '../activities/platform.ts';
import { createStorageActivities } from '../activities/recovery-points.ts';
import { createUpkeepActivities } from '../activities/copies.ts';
import { createWalActivities } from '../activities/wal.ts';
import { createWatchActivities } from '../activities/watch.ts';
import { connect, explained, unreachable } from '../src/client/temporal/connection.ts';
import { readablePayloads } from '../src/client/temporal/readable-payloads.ts';
import { serverAddress } from '../src/client/temporal/server-address.ts';
import { archivedDatabases, ensureContinuousRuns, watchedComponents } from '../src/client/continuous-runs.ts';
import type { Appliance } from '../src/domain/appliance.ts';
import { roles, type Role } from '../src/domain/component.ts';
import { applySchedules } from '../schedules/reconcile.ts';
import { workflowBundle } from './bundle.ts';
import { createMetrics, serveMetrics, type MetricsServer } from './metrics.ts';
import { controlLimits, roleLimits, timing } from './polling.ts';
import { registerSearchAttributes } from './search-attributes.ts';
import { wireParts } from './parts.ts';
import { wireActivities } from './wire.ts';

export interface WorkerSettings {
  readonly appliance: Appliance;
  /** Roles of this process; all by default. The workflows run where `storage` runs. */
  readonly only: readonly Role[] | undefined;
  readonly log: Logger;
  /** Called when every queue is polled. */
  readonly onReady?: () => void;
}

/** Runs until SIGTERM or SIGINT (resolves) or until a worker dies (rejects). */
export async function runWorker({ appliance, only, log, onReady }: WorkerSettings): Promise<void> {
  installRuntime(log);
  const { namespace, taskQueue } = appliance.temporal;
  const connection = await connect(appliance, { isPatient: true });
  let native: NativeConnection | undefined;
  let server: MetricsServer | undefined;
  const parts = wireParts(appliance, (message) => log.warn({ repository: appliance.repository.path }, message));
  const metrics = createMetrics(appliance, parts.repository);
  try {
    native = await NativeConnection.connect(await serverAddress(appliance));
    await parts.loadAll();
    const searchable = await registerSearchAttributes(connection, namespace, log);
    const client = new Client({ connection, namespace, dataConverter: readablePayloads });
    const deps = wireActivities(parts, { client, searchable, stopping: whenAskedToStop(), log, observer: metrics });
    const chosen = roles.filter((role) => only === undefined || only.includes(role));
    const runsWorkflows = chosen.includes('storage');
    // What can fail comes before the first worker: one that was made and never ran keeps its connection open.
    const codePath = runsWorkflows ? await workflowBundle(bundleFolder(appliance)) : undefined;
    if (runsWorkflows) await makeSchedules(deps.client, appliance, deps.searchable, log);
    const component = createComponentActivities(deps);
    const activitiesOf = (role: Role): object => {
      if (role === 'platform') return createPlatformActivities(deps);
      if (role === 'database') return { ...component, ...createWalActivities(deps) };
      if (role === 'files') return { ...component, ...createWatchActivities(deps) };
      if (role === 'upkeep') return createUpkeepActivities(deps);
      return role === 'storage' ? createStorageActivities(deps) : component;
    };
    const isHere = ({ host }: { readonly host: string }): boolean => host === appliance.host;
    // Archiving and watching never end: they have slots of their own.
    const endless: Partial<Record<Role, number>> = {
      database: archivedDatabases(appliance).filter(isHere).length,
      files: watchedComponents(appliance).some(isHere) ? 1 : 0,
    };
    const common = { connection: native, namespace, ...timing } satisfies Partial<WorkerOptions>;
    const workers = await Promise.all(
      chosen.map(async (role) =>
        Worker.create({
          ...common,
          taskQueue: `${taskQueue}-${role}-${appliance.host}`,
          activities: activitiesOf(role),
          ...roleLimits(endless[role]),
        }),
      ),
    );
    if (codePath !== undefined) {
      workers.push(
        await Worker.create({
          ...common,
          taskQueue,
          workflowBundle: { codePath },
          activities: createControlActivities(deps),
          ...controlLimits,
        }),
      );
    }
    server = runsWorkflows ? await serveMetrics(appliance, metrics, log) : undefined;
    const running = workers.map(async (worker) => worker.run());
    log.info({ queues: workers.map((worker) => worker.options.taskQueue) }, 'worker runs');
    if (runsWorkflows) await ensureContinuousRuns(deps.client, appliance, log);
    onReady?.();
    await untilOneEnds(workers, running);
  } catch (error) {
    throw error instanceof TransportError ? unreachable(appliance, error) : explained(error, appliance);
  } finally {
    await server?.close();
    await parts.close();
    // After a failure a worker may still hold it; that must not be told in the place of the failure.
    await native?.close().catch((error: unknown) => log.warn({ reason: String(error) }, 'the connection stays open'));
    await connection.close();
  }
}

/** Aborted by the signals that the SDK takes as the wish to stop; it goes on listening for them itself. */
function whenAskedToStop(): AbortSignal {
  const control = new AbortController();
  const names = ['SIGINT', 'SIGTERM', 'SIGQUIT', 'SIGUSR2'] as const;
  // As the SDK does: a second signal ends the process at once.
  const stop = (): void => {
    for (const name of names) process.off(name, stop);
    control.abort();
  };
  for (const name of names) process.on(name, stop);
  return control.signal;
}

/** LIFEBOAT_BUNDLES names one for several state folders: a bundle is known by its content. */
function bundleFolder({ stateDir }: Appliance): string {
  return process.env.LIFEBOAT_BUNDLES || join(stateDir, 'bundles');
}

async function makeSchedules(client: Client, appliance: Appliance, searchable: boolean, log: Logger): Promise<void> {
  const changes = await applySchedules(client, appliance, { listsAll: false, searchable });
  for (const { scheduleId, action, reasons } of changes) {
    if (action === 'unmanaged') log.warn({ schedule: scheduleId, reasons }, 'a schedule that is not ours');
    else if (action !== 'keep') log.info({ schedule: scheduleId, reasons }, `schedule: ${action}`);
  }
}

async function untilOneEnds(workers: readonly Worker[], running: readonly Promise<void>[]): Promise<void> {
  try {
    await Promise.all(running);
  } catch (error) {
    for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
    await Promise.allSettled(running);
    throw error;
  }
}

function installRuntime(log: Logger): void {
  const write = (level: LogLevel, message: string, meta?: Record<string, unknown>): void => {
    const { error: _dropped, ...fields } = meta ?? {};
    const reason = meta?.error instanceof Error ? { reason: meta.error.message } : {};
    log[
      level === 'TRACE'
        ? 'trace'
        : level === 'DEBUG'
          ? 'debug'
          : level === 'INFO'
            ? 'info'
            : level === 'WARN'
              ? 'warn'
              : 'error'
    ]({ ...fields, ...reason }, message);
  };
  Runtime.install({
    logger: {
      log: write,
      trace: (message, meta) => write('TRACE', message, meta),
      debug: (message, meta) => write('DEBUG', message, meta),
      info: (message, meta) => write('INFO', message, meta),
      warn: (message, meta) => write('WARN', message, meta),
      error: (message, meta) => write('ERROR', message, meta),
    },
    telemetryOptions: { logging: { forward: {}, filter: makeTelemetryFilterString({ core: 'WARN', other: 'ERROR' }) } },
  });
}
