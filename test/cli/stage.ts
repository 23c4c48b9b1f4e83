/**
 * What the transcripts run on: a real Temporal server and worker, real PostgreSQL and Redis, and files with a service
 * that stops no sooner than a test lets it.
 */
import { quietSchedules } from '../../src/dev/appliance/quiet-schedules.ts';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { startWorkerProcess, type WorkerProcess } from '../../src/dev/demo/worker-process.ts';
import type { RunningTemporal } from '../../src/dev/temporal.ts';
import { startPostgres, startRedis, startTemporal } from '../support/engines.ts';
import { makeStageFolder } from './stage-folder.ts';

export interface CliStage {
  readonly redisPort: number;
  /** Holds lifeboat.yaml. */
  readonly folder: string;
  readonly temporal: RunningTemporal;
  /** Without `configWatch`, which would answer to what a test does, at a moment that depends on the machine. */
  startWorker(): Promise<WorkerProcess>;
  /** The next stop of the service `app` waits until `release`. */
  hold(): Promise<void>;
  release(): Promise<void>;
  /** As in the Temporal UI. */
  startByHand(type: string, input: object, workflowId: string): Promise<void>;
  /** As after the retention time: the run's history is gone. */
  forget(workflowId: string): Promise<void>;
  stop(): Promise<void>;
}

export async function startCliStage(): Promise<CliStage> {
  const folder = await makeStageFolder();
  const at = (name: string): string => join(folder, name);
  for (const name of ['etc', 'uploads', 'pg', 'redis']) await mkdir(at(name));
  await writeFile(at('etc/app.conf'), 'answer=42\n');
  await writeFile(at('app.up'), '');
  const [temporal, postgres, redis] = await Promise.all([
    startTemporal(),
    startPostgres({ directory: at('pg') }),
    startRedis({ directory: at('redis') }),
  ]);
  const client = await postgres.connect();
  await client.query('create table users as select id, md5(id::text) as name from generate_series(1, 100) as id');
  await client.end();
  await writeFile(at('pg-password'), postgres.password, { mode: 0o600 });
  await writeFile(
    at('lifeboat.yaml'),
    `appliance: shop
state: ${at('state')}
repository: { path: ${at('backups')}, reserve: 1MB, encryption: { key: { file: ${at('key')} } } }
locations: { vault: { kind: local, path: ${at('vault')}, offHost: true } }
temporal: { address: '${temporal.address}', namespace: ${temporal.namespace}, ui: '${temporal.uiUrl}' }
schedules: ${JSON.stringify(quietSchedules('backup-full'))}
verification: { afterBackup: false }
metrics: { listen: off }
services:
  app:
    start: [touch, ${at('app.up')}]
    stop: [sh, -c, 'while [ -e ${at('held')} ]; do sleep 0.1; done; rm ${at('app.up')}']
    isRunning: [test, -e, ${at('app.up')}]
components:
  database:
    kind: postgres
    port: ${postgres.port}
    password: { file: ${at('pg-password')} }
    database: postgres
    dataDirectory: ${postgres.dataDirectory}
    binDirectory: ${postgres.binDirectory}
  cache:
    kind: redis
    port: ${redis.port}
    dataDirectory: ${redis.dataDirectory}
    serverBinary: ${redis.serverBinary}
  configuration: { kind: files, tier: configuration, services: [app], paths: [${at('etc')}] }
  uploads: { kind: files, paths: [${at('uploads')}] }
`,
  );
  const workers: WorkerProcess[] = [];
  const withTemporal = async (use: (client: Client) => Promise<unknown>): Promise<void> => {
    const connection = await Connection.connect({ address: temporal.address });
    try {
      await use(new Client({ connection, namespace: temporal.namespace }));
    } finally {
      await connection.close();
    }
  };
  return {
    folder,
    temporal,
    redisPort: redis.port,
    startWorker: async () => {
      const worker = await startWorkerProcess(at('lifeboat.yaml'), at('worker.log'));
      workers.push(worker);
      await withTemporal(async ({ workflow }) =>
        workflow.getHandle('configWatch/shop').terminate('a test stands in its place'),
      );
      return worker;
    },
    hold: async () => writeFile(at('held'), ''),
    release: async () => rm(at('held'), { force: true }),
    startByHand: async (type, input, workflowId) =>
      withTemporal(async ({ workflow }) => workflow.start(type, { workflowId, taskQueue: 'lifeboat', args: [input] })),
    forget: async (workflowId) =>
      withTemporal(async ({ workflowService }) =>
        workflowService.deleteWorkflowExecution({
          namespace: temporal.namespace,
          workflowExecution: { workflowId },
        }),
      ),
    stop: async () => {
      await rm(at('held'), { force: true });
      await Promise.all(workers.map(async (worker) => worker.stop()));
      await Promise.all([temporal, postgres, redis].map(async (engine) => engine.stop()));
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
