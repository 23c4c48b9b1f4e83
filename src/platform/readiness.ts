/** Whether a running service is ready, by what lifeboat.yaml asks of it. */
import { connect } from 'node:net';
import type { ReadinessCheck, ServiceConfig } from '../domain/appliance.ts';
import type { Readiness } from '../domain/readiness.ts';
import { readHealth } from './service-health.ts';

/** A health check of ten parts may take seconds on a busy host; a socket answers or does not. */
const answerTimeoutMs = 10_000;
const connectTimeoutMs = 2000;

/** Asks the server behind a component. Never throws. */
export type AskEngine = (component: string, signal: AbortSignal) => Promise<Readiness>;

/** A service and the way to ask whether it is ready; only for one that runs. */
export type Asked<S extends ServiceConfig = ServiceConfig> = S & { readonly askReadiness: () => Promise<Readiness> };

export interface Ways {
  readonly engine: AskEngine;
  /** Runs a program where the service runs, and gives its exit code. */
  readonly exec: (command: readonly string[], timeoutMs: number) => Promise<number>;
}

/** Asks a running service whether it is ready. Never throws: a service that does not answer is not ready. */
export async function askReadiness(check: ReadinessCheck, ways: Ways): Promise<Readiness> {
  switch (check.kind) {
    case 'running':
      return { ready: true, detail: 'runs' };
    case 'engine':
      return ways.engine(check.component, AbortSignal.timeout(answerTimeoutMs));
    case 'tcp': {
      const ready = await accepts(check.host, check.port);
      return { ready, detail: `${check.host}:${check.port} ${ready ? 'accepts' : 'refuses'} connections` };
    }
    case 'http':
      return askPage(check.url, (status) => ({ ready: status === 200, detail: `HTTP ${status}` }));
    case 'health':
      return askPage(check.url, readHealth);
    case 'command':
      return askCommand(check.command, ways);
  }
}

async function askPage(url: string, read: (status: number, body: string) => Readiness): Promise<Readiness> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(answerTimeoutMs), redirect: 'manual' });
    const { ready, detail } = read(response.status, await response.text());
    return { ready, detail: `${url}: ${detail}` };
  } catch (error) {
    return { ready: false, detail: `${url} does not answer (${error instanceof Error ? error.name : 'error'})` };
  }
}

/** Says the program, not its arguments, which may hold secrets. */
async function askCommand(command: readonly string[], { exec }: Ways): Promise<Readiness> {
  const [program = ''] = command;
  try {
    const exitCode = await exec(command, answerTimeoutMs);
    return { ready: exitCode === 0, detail: `\`${program}\` exited with ${exitCode}` };
  } catch (error) {
    return { ready: false, detail: error instanceof Error ? error.message : `\`${program}\` could not be run` };
  }
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** The address on which a service answers, where its check names one. */
export function addressOf(check: ReadinessCheck): Address | undefined {
  if (check.kind === 'running' || check.kind === 'command') return undefined;
  if (check.kind === 'engine' || check.kind === 'tcp') return { host: check.host, port: check.port };
  const { hostname, port, protocol } = new URL(check.url);
  const defaultPort = protocol === 'https:' ? 443 : 80;
  // The brackets of an IPv6 address belong to the URL, not to the address.
  return { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? defaultPort : Number(port) };
}

export function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: connectTimeoutMs });
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => end(true));
    socket.once('timeout', () => end(false));
    socket.once('error', () => end(false));
  });
}
