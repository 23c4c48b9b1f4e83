import { connect } from 'node:net';
import type { ServiceConfig } from '../domain/appliance.ts';
import { isLifeboatError } from '../domain/errors.ts';
import { readHealth } from './service-health.ts';
import type { Readiness } from '../domain/readiness.ts';

/** A health check of ten parts may take seconds on a busy host; a socket answers or does not. */
const healthTimeoutMs = 10_000;
const connectTimeoutMs = 2000;

/** Asks the server behind a component. Never throws. */
export type AskEngine = (component: string, signal: AbortSignal) => Promise<Readiness>;

/** A service and the way to ask whether it is ready; only for one that runs. */
export type Asked<S extends ServiceConfig = ServiceConfig> = S & { readonly askReadiness: () => Promise<Readiness> };

/** Asks a running service whether it is ready. Never throws: a service that does not answer is not ready. */
export async function askReadiness(ready: ServiceConfig['ready'], askEngine: AskEngine): Promise<Readiness> {
  if (ready.kind === 'running') return { ready: true, detail: 'runs' };
  if (ready.kind === 'engine') return askEngine(ready.component, AbortSignal.timeout(healthTimeoutMs));
  if (ready.kind === 'tcp') {
    const answers = await accepts(ready.host, ready.port);
    return { ready: answers, detail: `${ready.host}:${ready.port} ${answers ? 'accepts' : 'refuses'} connections` };
  }
  try {
    const response = await fetch(ready.url, { signal: AbortSignal.timeout(healthTimeoutMs), redirect: 'error' });
    const health = readHealth(response.status, await response.text());
    return { ready: health.ready, detail: `${ready.url}: ${health.detail}` };
  } catch (error) {
    return { ready: false, detail: `${ready.url} does not answer (${error instanceof Error ? error.name : 'error'})` };
  }
}

/** What the server behind a component says when it is asked for something. One that refuses our credentials is up. */
export async function readinessByAnswer(ask: () => Promise<unknown>): Promise<Readiness> {
  try {
    await ask();
    return { ready: true, detail: 'answers' };
  } catch (error) {
    const refuses = isLifeboatError(error, 'AuthFailed', 'PermissionDenied');
    return { ready: refuses, detail: error instanceof Error ? error.message : 'does not answer' };
  }
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** The address on which a service answers, where it has one. */
export function addressOf(ready: ServiceConfig['ready']): Address | undefined {
  if (ready.kind === 'running') return undefined;
  if (ready.kind !== 'health') return { host: ready.host, port: ready.port };
  const { hostname, port, protocol } = new URL(ready.url);
  const usual = protocol === 'https:' ? 443 : 80;
  // The brackets of an IPv6 address belong to the URL, not to the address.
  return { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? usual : Number(port) };
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
