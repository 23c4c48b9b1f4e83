/** One service that is a child process of its own on this host. */
import { LifeboatError } from '../../domain/errors.ts';
import type { ServiceState } from '../platform.ts';
import { accepts, addressOf } from '../readiness.ts';
import type { Address, Asked } from '../readiness.ts';
import { ProcessFamily } from './family.ts';
import { launch } from './launch.ts';
import type { ProcessService } from './launch.ts';
import { readPidFile, removeStalePidFile } from './pid-file.ts';
import type { ProcessIdentity } from './pid-file.ts';
import { readProcessTable } from './process-table.ts';
import type { ProcessEntry } from './process-table.ts';
import { isSettled, waitUntil } from './wait.ts';

/** PostgreSQL's immediate shutdown, the last one that leaves a clean crash: it only has to tell its backends. */
const quitMs = 5000;
/** The kernel needs time to take a large process apart, but no more than this. */
const killMs = 10_000;

/**
 * Starts the service unless it runs, and waits until it is ready. A service that runs but does not become ready in time
 * is left running: a database may still replay, and the next call goes on waiting. ServiceFailed names the log.
 */
export async function startProcess(service: Asked<ProcessService>, signal: AbortSignal): Promise<void> {
  const { pidFile } = service.run;
  const before = await readPidFile(pidFile, service.name, signal);
  if (before === undefined || !(await isAlive(before))) {
    await refuseForeignListener(service);
    await removeStalePidFile(pidFile, before);
    await launch(service); // False when another attempt launched it just now: then its process is waited for.
  }
  await waitForReady(service, signal);
}

/**
 * Stops the service and returns when none of its processes lives: its stop signal, then SIGQUIT after SIGINT, then
 * SIGKILL for what is left. Also done where the service does not run: a crashed head may have left others behind.
 */
export async function stopProcess(service: ProcessService, signal: AbortSignal): Promise<void> {
  const head = await readPidFile(service.run.pidFile, service.name, signal);
  const family = new ProcessFamily(head, service.run.command);
  const isGone = async () => (await family.living()).length === 0;
  for (const { name, waitMs, wholeFamily } of escalation(service)) {
    const members = await family.living();
    const hasHead = head !== undefined && members[0]?.pid === head.pid;
    if (name === 'SIGQUIT' && !hasHead) continue; // Only a head can still wind its service up in another way.
    send(service, name, wholeFamily || !hasHead ? members : members.slice(0, 1));
    if (await waitUntil(isGone, waitMs, signal)) break;
  }
  const [left] = await family.living();
  if (left !== undefined) {
    throw new LifeboatError(
      'ServiceFailed',
      `service \`${service.name}\` is not gone: process ${left.pid} survived SIGKILL`,
      {
        hint: 'it hangs in the kernel, mostly on a dead disk or mount: repair that first',
        details: { pid: left.pid },
      },
    );
  }
  await removeStalePidFile(service.run.pidFile, head);
  await refuseForeignListener(service);
}

/**
 * As `stopProcess` sees it: a server of the same program that nobody here has started runs too, for a stop ends it, and whoever
 * undoes that must know.
 */
export async function processState(service: Asked<ProcessService>): Promise<ServiceState> {
  const state = await headState(service);
  if (state.running) return state;
  const [found] = await new ProcessFamily(undefined, service.run.command).living();
  if (found === undefined) return state;
  const { ready, detail } = await service.askReadiness();
  const text = `process ${found.pid}, not started by Lifeboat: ${detail}`;
  return { service: service.name, running: true, ready, pid: found.pid, detail: text };
}

/** The state of the process that the pid file names. */
async function headState(service: Asked<ProcessService>): Promise<ServiceState> {
  const head = await readPidFile(service.run.pidFile, service.name, AbortSignal.timeout(10_000));
  if (head === undefined) return { service: service.name, running: false, ready: false, detail: 'not started' };
  if (!(await isAlive(head)))
    return { service: service.name, running: false, ready: false, detail: `process ${head.pid} is gone` };
  const { ready, detail } = await service.askReadiness();
  return { service: service.name, running: true, ready, pid: head.pid, detail };
}

async function waitForReady(service: Asked<ProcessService>, signal: AbortSignal): Promise<void> {
  const begun = performance.now();
  let state: ServiceState | undefined;
  const isDecided = async () => {
    state = await headState(service);
    return !state.running || (state.ready && isSettled(service, begun));
  };
  const decided = await waitUntil(isDecided, service.startTimeoutSeconds * 1000, signal);
  if (decided && state?.running) return;
  const what = state?.running
    ? `runs but is not ready after ${service.startTimeoutSeconds} s (${state.detail})`
    : `ended while it started (${state?.detail ?? 'no process'})`;
  throw new LifeboatError('ServiceFailed', `service \`${service.name}\` ${what}; its log is ${service.run.logFile}`, {
    hint: `read the end of ${service.run.logFile}`,
    details: { logFile: service.run.logFile },
  });
}

function escalation(service: ProcessService): { name: NodeJS.Signals; waitMs: number; wholeFamily: boolean }[] {
  const { stopSignal } = service.run;
  return [
    { name: stopSignal, waitMs: service.stopTimeoutSeconds * 1000, wholeFamily: false },
    ...(stopSignal === 'SIGINT' ? [{ name: 'SIGQUIT' as const, waitMs: quitMs, wholeFamily: false }] : []),
    { name: 'SIGKILL', waitMs: killMs, wholeFamily: true },
  ];
}

function send(service: ProcessService, name: NodeJS.Signals, members: readonly ProcessEntry[]): void {
  for (const { pid } of members) {
    try {
      process.kill(pid, name);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ESRCH') continue; // Gone in between, which is what is wanted.
      throw new LifeboatError(
        'PermissionDenied',
        `service \`${service.name}\` cannot be stopped: process ${pid} belongs to another user`,
        {
          cause: error,
          details: { pid },
        },
      );
    }
  }
}

/** The same refusal beforehand: Precondition where the service does not run, and something else answers in its place. */
export async function refuseForeignService(service: ProcessService): Promise<void> {
  const address = await answeringAddress(service);
  if (address === undefined) return;
  const head = await readPidFile(service.run.pidFile, service.name, AbortSignal.timeout(10_000));
  const [member] = await new ProcessFamily(head, service.run.command).living();
  if (member === undefined) throw foreignListener(service, address);
}

/** A process that is not ours on the service's address would answer for it, and keep it from binding. */
async function refuseForeignListener(service: ProcessService): Promise<void> {
  const address = await answeringAddress(service);
  if (address !== undefined) throw foreignListener(service, address);
}

async function answeringAddress({ ready }: ProcessService): Promise<Address | undefined> {
  const address = addressOf(ready);
  return address !== undefined && (await accepts(address.host, address.port)) ? address : undefined;
}

function foreignListener(service: ProcessService, address: Address): LifeboatError {
  return new LifeboatError(
    'Precondition',
    `another process than service \`${service.name}\` answers on ${address.host}:${address.port}`,
    {
      hint: `find it with \`ss -ltnp 'sport = :${address.port}'\` and stop it; what another program starts is steered by \`start\`, \`stop\` and \`isRunning\``,
      details: { port: address.port },
    },
  );
}

async function isAlive(identity: ProcessIdentity): Promise<boolean> {
  return (await readProcessTable()).some((entry) => entry.pid === identity.pid && entry.started === identity.started);
}
