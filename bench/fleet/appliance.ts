/** The appliances of the simulated fleet: the template's components and one of each tier, one location, usual schedules. */
import { parseConfiguration } from '../../src/config/load.ts';
import type { Appliance } from '../../src/domain/appliance.ts';
import type { ScheduleName } from '../../src/domain/schedules.ts';

const configuration = `
appliance: a
repository: { path: /srv/a/repository, encryption: none }
locations:
  offsite: { kind: local, path: /mnt/a }
services:
  postgres: { start: [start, postgres], stop: [stop, postgres], isRunning: [is, postgres], ready: { engine: postgres } }
  redis: { start: [start, redis], stop: [stop, redis], isRunning: [is, redis], ready: { engine: redis } }
  app: { start: [start, app], stop: [stop, app], isRunning: [is, app], ready: { health: 'http://127.0.0.1:8000/health' } }
components:
  postgres: { kind: postgres, services: [postgres], dataDirectory: /srv/a/postgres, database: a, user: lifeboat }
  redis: { kind: redis, services: [redis], dataDirectory: /srv/a/redis }
  vectorstore: { kind: vectorstore, services: [app], path: /srv/a/vectorstore }
  models: { kind: models, services: [app], path: /srv/a/models }
  configuration: { kind: files, tier: configuration, services: [app], paths: [/etc/a] }
  monitoring: { kind: files, tier: monitoring, services: [app], paths: [/srv/a/monitoring] }
`;

/** All share the queues of one worker: a fleet has one worker per appliance, and this one stands for all. */
export const taskQueue = 'fleet';

const usual = parseConfiguration(configuration, 'the fleet').appliance;

/** `crons` and `jitterSeconds` take the place of what is usual. */
export function fleetAppliance(
  name: string,
  crons: Partial<Record<ScheduleName, string>> = {},
  jitterSeconds?: number,
): Appliance {
  const schedules = Object.fromEntries(
    Object.entries(usual.schedules).map(([id, config]) => [
      id,
      {
        ...config,
        cron: crons[id as ScheduleName] ?? config.cron,
        jitterSeconds: jitterSeconds ?? config.jitterSeconds,
      },
    ]),
  ) as Appliance['schedules'];
  return { ...usual, name, schedules, temporal: { ...usual.temporal, taskQueue } };
}

/** `a00001`: no slash, no dash, so that a run's id tells its appliance. */
export function applianceName(number: number): string {
  return `a${String(number).padStart(5, '0')}`;
}

/** The appliance in a run's id, `<type>/<appliance>/…` or `<type>/<appliance>-<time>`. */
export function applianceOf(workflowId: string): string {
  return /^[^/]+\/([a-z0-9]+)/.exec(workflowId)?.[1] ?? '';
}
