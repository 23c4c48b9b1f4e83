/**
 * `/metrics` of the worker: the RPO clocks and what stands behind them, read from the repository at each scrape, so that
 * they tell the same as `lifeboat`. deploy/prometheus has the alerts that go with them.
 */
import { createServer, type Server } from 'node:http';
import type { Logger } from 'pino';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { RunObserver } from '../activities/dependencies.ts';
import type { Appliance } from '../src/domain/appliance.ts';
import { scheduleId } from '../schedules/desired.ts';
import { backupWorkflows, isBackupWorkflow } from '../src/domain/recovery-point.ts';
import { scheduleNames } from '../src/domain/schedules.ts';
import { readExposures } from '../src/operations/rpo/location-coverage.ts';
import { newestRecord } from '../src/operations/backup/find-record.ts';
import { lastRpoState, readRpo } from '../src/operations/rpo/readings.ts';
import { toolVersion } from '../src/telemetry/version.ts';
import type { Repository } from '../src/repository/repository.ts';

/** How a backup ends. */
const endings = ['sealed', 'partial', 'suspect', 'skipped', 'failed', 'cancelled'];

/** Several scrapers read once. */
const freshMs = 10_000;

export interface MetricsServer {
  readonly close: () => Promise<void>;
}

/** `listen` is `host:port`. A port that is taken is a warning: backups matter more. */
export async function serveMetrics(appliance: Appliance, metrics: Metrics, log: Logger): Promise<MetricsServer> {
  const { listen } = appliance.metrics;
  if (listen === undefined) return { close: async () => undefined };
  const server = createServer((request, response) => {
    if (request.url !== '/metrics') return void response.writeHead(404).end('see /metrics\n');
    metrics.text().then(
      (text) => response.writeHead(200, { 'content-type': metrics.contentType }).end(text),
      (error: unknown) => {
        log.warn({ reason: String(error) }, 'metrics cannot be read');
        response.writeHead(503).end('the repository cannot be read\n');
      },
    );
  });
  const [host = '', port = ''] = listen.split(/:(?=\d+$)/);
  const problem = await listening(server, host, Number(port));
  if (problem !== undefined) log.warn({ listen, reason: problem }, 'metrics are not served');
  return { close: async () => closed(server) };
}

async function listening(server: Server, host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    server.once('error', (error) => resolve(error.message));
    server.listen(port, host, () => resolve(undefined));
  });
}

async function closed(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}

/** From a swap by rename to the staging of a large database, seconds. */
const stepBuckets = [0.1, 0.5, 2, 10, 60, 300, 1800, 7200];

export interface Metrics extends RunObserver {
  /** As Prometheus reads it. */
  text(): Promise<string>;
  readonly contentType: string;
}

/** Ages are read from the repository; runs are counted since this worker started, as counters are. */
export function createMetrics(appliance: Appliance, repository: () => Promise<Repository>): Metrics {
  const registry = new Registry();
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[]): Gauge<L> =>
    new Gauge({ name: `lifeboat_${name}`, help, labelNames: [...labelNames], registers: [registry] });
  const copy = ['place', 'component', 'tier'] as const;
  const age = gauge('rpo_seconds', 'Age of the newest moment that can be restored.', copy);
  const objective = gauge('rpo_objective_seconds', 'How old it may be.', ['component', 'tier']);
  const copies = gauge('copies', '1 where a place has a usable copy of the component.', copy);
  const success = gauge('backup_last_success_timestamp_seconds', 'The newest moment that can be restored.', copy);
  const verified = gauge('backup_last_verified_timestamp_seconds', 'Of the newest copy that was verified.', copy);
  const unverified = gauge('unverified_seconds', 'Age of the newest verified copy, else of the oldest one.', copy);
  const up = gauge('location_up', '1 where the location answered the last time.', ['location']);
  const watched = gauge('rpo_watch_last_run_timestamp_seconds', 'When rpoWatch last looked.', []);
  const size = gauge('backup_size_bytes', 'Of the newest copy, as it is restored.', ['component', 'tier']);
  const restored = gauge('rto_measured_seconds', 'How long the last committed one took.', ['plan']);
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]): Counter<L> =>
    new Counter({ name: `lifeboat_${name}`, help, labelNames: [...labelNames], registers: [registry] });
  const backups = counter('backup_runs_total', 'Backups that ended.', ['type', 'result']);
  const restores = counter('restore_runs_total', 'Restores that ended.', ['result']);
  const steps = new Histogram({
    name: 'lifeboat_restore_step_duration_seconds',
    help: 'How long steps of restores took.',
    labelNames: ['step'],
    buckets: stepBuckets,
    registers: [registry],
  });
  const misses = counter('schedule_missed_total', 'Due times that started nothing.', ['schedule']);
  // A counter that is there from the start shows its first rise.
  for (const type of Object.values(backupWorkflows)) for (const result of endings) backups.inc({ type, result }, 0);
  for (const name of scheduleNames) misses.inc({ schedule: scheduleId(appliance, name) }, 0);
  gauge('build_info', 'The version that runs.', ['version']).set({ version: toolVersion }, 1);

  const read = async (): Promise<void> => {
    const open = await repository();
    const now = new Date();
    const readings = await readRpo(open, appliance, now);
    const exposures = await readExposures(open, appliance);
    const state = await lastRpoState(open);
    // Also what is gone from the configuration or has no copy any more.
    for (const each of [age, objective, copies, success, verified, unverified, up, size]) each.reset();
    const seconds = now.getTime() / 1000;
    for (const { clock, place, component, tier, ageSeconds, verifiedUntil, objectiveSeconds } of readings) {
      const labels = { place, component, tier };
      if (clock === 'verified') {
        if (ageSeconds !== null) unverified.set(labels, ageSeconds);
        if (verifiedUntil !== null) verified.set(labels, Date.parse(verifiedUntil) / 1000);
        continue;
      }
      objective.set({ component, tier }, objectiveSeconds);
      copies.set(labels, ageSeconds === null ? 0 : 1);
      if (ageSeconds !== null) age.set(labels, ageSeconds);
      if (ageSeconds !== null) success.set(labels, seconds - ageSeconds);
    }
    for (const { id, tier } of appliance.components) {
      const record = await newestRecord(open, id);
      if (record !== undefined) size.set({ component: id, tier }, record.bytes);
    }
    for (const { location, at, problem } of exposures) up.set({ location }, at !== null && problem === '' ? 1 : 0);
    if (state !== undefined) watched.set(Date.parse(state.at) / 1000);
  };

  let reading: Promise<void> | undefined;
  let readAt = Number.NEGATIVE_INFINITY;
  return {
    contentType: registry.contentType,
    ran(type, state, seconds) {
      if (isBackupWorkflow(type)) backups.inc({ type, result: state });
      else if (type === 'restore') restores.inc({ result: state });
      if (type === 'restore' && state === 'committed') restored.set({ plan: 'restore' }, seconds);
    },
    stepped(step, seconds) {
      steps.observe({ step }, seconds);
    },
    missed(schedule, count) {
      if (count > 0) misses.inc({ schedule }, count);
    },
    async text() {
      if (performance.now() - readAt > freshMs) {
        readAt = performance.now();
        reading = read();
        // A repository that is back is asked again at once.
        reading.catch(() => (readAt = Number.NEGATIVE_INFINITY));
      }
      await reading;
      return registry.metrics();
    },
  };
}
