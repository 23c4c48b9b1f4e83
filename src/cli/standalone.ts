/**
 * `--standalone`: a private Temporal server with its database in the state folder, and a worker, for as long as a command
 * needs them. Both are processes of their own: who interrupts the command leaves its run going, and the next command
 * with `--standalone` finds them. The last one ends them.
 */
import { writeFileSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { answers, withClient } from '../client/temporal/connection.ts';
import {
  noServer,
  privateServerFile,
  privateServerFolder,
  readPrivateServer,
  type PrivateServer,
} from '../client/temporal/private-server.ts';
import { openHere } from '../client/open-here.ts';
import { openRuns } from '../client/runs.ts';
import { askServer, findTemporalProgram, serverCommand } from '../client/temporal/dev-server.ts';
import { hasWorker } from '../client/temporal/workers.ts';
import type { Appliance } from '../domain/appliance.ts';
import { isLifeboatError, LifeboatError } from '../domain/errors.ts';
import { lockByFile } from './folder-lock.ts';
import { onInterrupt } from './interrupt.ts';
import { say } from './output/speak.ts';
import { endAtOnce, isAlive, processesWith, startDetached, stopDetached, untilReady } from './detached.ts';
import type { RunSummary } from '../client/run-summary.ts';

export interface Standalone {
  /** Address of the private server. */
  readonly address: string;
  /** Waits for the runs that are open, then ends what this command or one before it started. */
  end(): Promise<void>;
}

export interface StandaloneOptions {
  readonly appliance: Appliance;
  /** The same appliance with the private server as its Temporal. */
  readonly at: (address: string) => Appliance;
  /** A worker at the address. */
  readonly workerCommand: (address: string) => readonly string[];
}

/** It takes further ports for itself, and gives up where another process was faster. */
const serverStarts = 3;
const serverReadyMs = 60_000;
const workerReadyMs = 90_000;

/** A worker lets what runs end for 20 s, and goes after 60. */
const workerEndMs = 75_000;
const serverEndMs = 20_000;

/** Precondition where the usual server answers: two would not know of each other's runs. */
export async function startStandalone(options: StandaloneOptions): Promise<Standalone> {
  const { appliance } = options;
  await refuseBesideUsual(appliance);
  const folder = privateServerFolder(appliance);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  // Two commands that start at once must not open one database twice.
  const release = await lockByFile(join(folder, 'starting'), (pid) =>
    say(`waiting for process ${pid}, which starts the private server`),
  );
  let isOver = (): void => undefined;
  let started: PrivateServer;
  try {
    const before = readPrivateServer(folder);
    if (before.isEnding === true) await stop(folder, before);
    const found = before.isEnding === true ? noServer : before;
    // Whoever interrupts a command before its run has begun leaves nothing: nobody would end it.
    isOver = onInterrupt(() => endWhatCameAtOnce(folder, found));
    try {
      started = await startWhatLacks(options, folder, found);
    } catch (error) {
      await endWhatCame(folder, found);
      throw error;
    }
  } catch (error) {
    isOver();
    throw error;
  } finally {
    await release();
  }
  return {
    address: started.address,
    async end() {
      isOver();
      await end(options.at(started.address), folder, started);
    },
  };
}

async function startWhatLacks(
  { at, workerCommand }: StandaloneOptions,
  folder: string,
  before: PrivateServer,
): Promise<PrivateServer> {
  const database = databaseIn(folder);
  let started = before;
  for (let more = serverStarts; ; more -= 1) {
    if (!(await isAlive(started.server, database))) {
      started = await startServer(folder, database);
    }
    const { server: pid, address } = started;
    const logFile = join(folder, 'temporal.log');
    const name = 'the private Temporal server';
    try {
      await untilReady({
        name,
        pid,
        logFile,
        ms: serverReadyMs,
        isThere: async () => askServer(address).then(() => true),
      });
      break;
    } catch (error) {
      if (more === 1 || (await isAlive(pid, database))) throw error;
    }
  }
  if (await isAlive(started.worker, started.address)) return started;
  started = { ...started, worker: startDetached(workerCommand(started.address), join(folder, 'worker.log')) };
  writeState(folder, started);
  await untilReady({
    name: 'the worker',
    pid: started.worker,
    logFile: join(folder, 'worker.log'),
    ms: workerReadyMs,
    isThere: async () => withClient(at(started.address), async (client) => hasWorker(client, at(started.address))),
  });
  return started;
}

async function startServer(folder: string, databaseFile: string): Promise<PrivateServer> {
  // One that a killed command left, of which no state tells: two must not work on one database.
  for (const pid of await processesWith(databaseFile)) await stopDetached(pid, databaseFile, serverEndMs);
  const port = await freePort();
  const command = serverCommand({ binary: findTemporalProgram(), databaseFile, port, uiPort: port + 1000 });
  const address = `127.0.0.1:${port}`;
  const started = { address, server: startDetached(command, join(folder, 'temporal.log')), worker: 0 };
  writeState(folder, started);
  say(`private Temporal server at ${address}`);
  return started;
}

async function end(appliance: Appliance, folder: string, { server, worker }: PrivateServer): Promise<void> {
  let told = '';
  while (await isAlive(worker, appliance.temporal.address)) {
    const open = await firstOpen(appliance);
    if (open === undefined) break;
    if (told !== open.workflowId) say(`${open.workflowId} still runs; Ctrl-C leaves it going`);
    told = open.workflowId;
    await delay(1000);
  }
  await stop(folder, { server, worker, address: appliance.temporal.address });
}

/** The same, for a process that ends now: it only tells them. */
function endWhatCameAtOnce(folder: string, before: PrivateServer): void {
  const { server, worker, address } = readPrivateServer(folder);
  if (server !== before.server) {
    say(`the private Temporal server at ${address} ends with this command`);
    writeState(folder, { address, server, worker, isEnding: true });
    endAtOnce(worker, server);
  } else if (worker !== before.worker) {
    writeState(folder, { address, server, worker: 0 });
    endAtOnce(worker);
  }
}

/** What a failed start has started: nobody would end it. */
async function endWhatCame(folder: string, before: PrivateServer): Promise<void> {
  const { address, server, worker } = readPrivateServer(folder);
  if (server !== before.server) await stop(folder, { address, server, worker });
  else if (worker !== before.worker) await stopDetached(worker, address, workerEndMs);
}

async function stop(folder: string, { address, server, worker }: PrivateServer): Promise<void> {
  writeState(folder, { address, server, worker, isEnding: true });
  const isOver = onInterrupt(() => endAtOnce(worker, server));
  try {
    await stopDetached(worker, address, workerEndMs);
    await stopDetached(server, databaseIn(folder), serverEndMs);
    await rm(privateServerFile(folder), { force: true });
  } finally {
    isOver();
  }
}

const databaseIn = (folder: string): string => join(folder, 'temporal.db');

/** Undefined also where the private server is gone: its runs stay in its database, for the next one. */
async function firstOpen(appliance: Appliance): Promise<RunSummary | undefined> {
  try {
    return await withClient(
      appliance,
      async (client) => (await openHere(client))[0] ?? (await openRuns(client, appliance))[0],
    );
  } catch (error) {
    if (!isLifeboatError(error, 'Unreachable')) throw error;
    say(`the private server at ${appliance.temporal.address} is gone; its runs go on with the next --standalone`);
    return undefined;
  }
}

async function refuseBesideUsual(appliance: Appliance): Promise<void> {
  if (!(await answers(appliance))) return;
  throw new LifeboatError('Precondition', `Temporal answers at ${appliance.temporal.address}; nothing was started`, {
    hint: 'leave out --standalone',
  });
}

/** At once, so that no interruption comes between a process and the note of it. */
function writeState(folder: string, started: PrivateServer): void {
  writeFileSync(privateServerFile(folder), JSON.stringify(started), { mode: 0o600 });
}

/** One whose port a thousand above is free too: the web UI takes that, as the maker's server does by itself. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = await listenable(0);
    if (port !== undefined && port < 64_000 && (await listenable(port + 1000)) !== undefined) return port;
  }
}

async function listenable(port: number): Promise<number | undefined> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(undefined));
    server.listen(port, '127.0.0.1', () => {
      const address = server.address() as AddressInfo;
      server.close(() => resolve(address.port));
    });
  });
}
