/** One service that something else on this host runs (systemd, a script): Lifeboat only has its commands. */
import { execa } from 'execa';
import { LifeboatError } from '../../domain/errors.ts';
import { startProblem } from '../../programs/missing.ts';
import type { ServiceState } from '../platform.ts';
import type { Asked } from '../readiness.ts';
import { isSettled, waitUntil } from './wait.ts';

export type CommandService = Asked & { readonly run: { readonly kind: 'commands' } };

/** Asking whether a service runs is quick; a supervisor that does not answer in this time has a problem of its own. */
const askTimeoutMs = 30_000;

/** Runs the start command unless the service runs, and waits until it is ready. ServiceFailed. */
export async function startByCommand(service: CommandService, signal: AbortSignal): Promise<void> {
  const timeoutMs = service.startTimeoutSeconds * 1000;
  if (!(await isRunning(service, signal))) await runCommand(service, 'start', timeoutMs, signal);
  const begun = performance.now();
  let state = await commandState(service, signal);
  const isReady = async () => {
    state = await commandState(service, signal);
    return state.ready && isSettled(service, begun);
  };
  if (await waitUntil(isReady, timeoutMs, signal)) return;
  throw new LifeboatError(
    'ServiceFailed',
    `service \`${service.name}\` is not ready after ${service.startTimeoutSeconds} s (${state.detail})`,
  );
}

/** Runs the stop command unless the service is down already, and waits until its own check says so. ServiceFailed. */
export async function stopByCommand(service: CommandService, signal: AbortSignal): Promise<void> {
  if (!(await isRunning(service, signal))) return;
  const timeoutMs = service.stopTimeoutSeconds * 1000;
  await runCommand(service, 'stop', timeoutMs, signal);
  if (await waitUntil(async () => !(await isRunning(service, signal)), timeoutMs, signal)) return;
  throw new LifeboatError(
    'ServiceFailed',
    `service \`${service.name}\` still runs ${service.stopTimeoutSeconds} s after its stop command`,
  );
}

export async function commandState(service: CommandService, signal?: AbortSignal): Promise<ServiceState> {
  const running = await isRunning(service, signal);
  const { ready, detail } = running
    ? await service.askReadiness()
    : { ready: false, detail: 'its check says that it does not run' };
  return { service: service.name, running, ready, detail };
}

/** A check that could not be asked must never read as "does not run": data would be swapped under a running engine. */
async function isRunning(service: CommandService, signal: AbortSignal | undefined): Promise<boolean> {
  const exitCode = await exitCodeOf(service, 'isRunning', askTimeoutMs, signal);
  if (exitCode >= 126) throw failed(service, 'isRunning', `exit code ${exitCode}: it could not be asked`);
  return exitCode === 0;
}

async function runCommand(
  service: CommandService,
  name: 'start' | 'stop',
  timeoutMs: number,
  signal: AbortSignal,
): Promise<void> {
  const exitCode = await exitCodeOf(service, name, timeoutMs, signal);
  if (exitCode !== 0) throw failed(service, name, `exit code ${exitCode}`);
}

async function exitCodeOf(
  service: CommandService,
  name: 'start' | 'stop' | 'isRunning',
  timeout: number,
  cancelSignal: AbortSignal | undefined,
): Promise<number> {
  const [file, ...args] = service.run[name];
  const result = await execa(file!, args, {
    reject: false,
    stdio: 'ignore',
    timeout,
    // A start command may leave the service as its child: it must not go down with this process.
    cleanup: false,
    ...(cancelSignal === undefined ? {} : { cancelSignal }),
  });
  cancelSignal?.throwIfAborted();
  if (result.timedOut) throw failed(service, name, `no end within ${timeout / 1000} s`);
  if (result.exitCode === undefined)
    throw failed(service, name, result.signal ?? (await startProblem(file!, result.code)));
  return result.exitCode;
}

/** Says the program, not its arguments, which may hold secrets. */
function failed(service: CommandService, name: string, what: string): LifeboatError {
  const program = service.run[name as 'start'][0];
  return new LifeboatError(
    'ServiceFailed',
    `the \`${name}\` command of service \`${service.name}\` (${program}) failed: ${what}`,
  );
}
