/** The server of the simulated fleet, a client of it, and its worker process. */
import { mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { pino } from 'pino';
import { readablePayloads } from '../../src/client/temporal/readable-payloads.ts';
import { stateFolder } from '../../src/dev/folders.ts';
import { freePorts } from '../../src/dev/free-ports.ts';
import { markRunPlace } from '../../src/dev/run-place.ts';
import { startTemporal, type RunningTemporal } from '../../src/dev/temporal.ts';
import { workflowBundle } from '../../workers/bundle.ts';
import { registerSearchAttributes } from '../../workers/search-attributes.ts';
import { useOf, type ProcessUse } from './process-use.ts';
import { between, readServer, type ServerCounts } from './server-metrics.ts';
import type { FleetWorker, FleetWorkerSettings } from './worker-process.ts';

export const quietLog = pino({ level: 'silent' });

export interface FleetStage {
  readonly directory: string;
  readonly client: Client;
  readonly settings: FleetWorkerSettings;
  readonly server: RunningTemporal;
  readonly look: (worker?: FleetWorker) => Promise<Look>;
  stop(): Promise<void>;
}

/** Everything that is counted, at one moment. */
export interface Look {
  readonly at: number;
  readonly counts: ServerCounts;
  readonly server: ProcessUse;
  readonly worker: ProcessUse | undefined;
  readonly databaseBytes: number;
}

/** Per second, between two looks. */
export interface Rates {
  readonly seconds: number;
  readonly counts: ServerCounts;
  /** Processors that were busy. */
  readonly serverCpu: number;
  readonly workerCpu: number;
  readonly databaseBytes: number;
}

export function ratesOf(before: Look, after: Look): Rates {
  const seconds = (after.at - before.at) / 1000;
  return {
    seconds,
    counts: between(before.counts, after.counts),
    serverCpu: (after.server.cpuSeconds - before.server.cpuSeconds) / seconds,
    workerCpu: ((after.worker?.cpuSeconds ?? 0) - (before.worker?.cpuSeconds ?? 0)) / seconds,
    databaseBytes: after.databaseBytes - before.databaseBytes,
  };
}

export async function openFleetStage(appliances: number): Promise<FleetStage> {
  const directory = join(stateFolder(), 'bench', 'fleet');
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true, mode: 0o700 });
  markRunPlace(directory);
  const codePath = await workflowBundle(join(stateFolder(), 'bench', 'bundles'));
  const [metricsPort = 0] = await freePorts(1);
  const server = await startTemporal({ directory, headless: true, metricsPort });
  const { address, namespace, databaseFile } = server;
  const connection = await Connection.connect({ address });
  await registerSearchAttributes(connection, namespace, quietLog);
  return {
    directory,
    client: new Client({ connection, namespace, dataConverter: readablePayloads }),
    settings: { address, namespace, codePath, appliances },
    server,
    look: async (worker) => ({
      counts: await readServer(metricsPort, namespace),
      server: await useOf(server.pid),
      worker: worker === undefined ? undefined : await useOf(worker.pid),
      databaseBytes: (await sizeOf(databaseFile)) + (await sizeOf(`${databaseFile}-wal`)),
      at: Date.now(),
    }),
    stop: async () => {
      await connection.close();
      await server.kill();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}
