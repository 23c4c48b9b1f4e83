/** Talks to the configured Redis, and says in this house's words what went wrong. No error ever carries a command: it may hold the password. */
import { setTimeout as delay } from 'node:timers/promises';
import type { ConnectionOptions } from 'node:tls';
import { Redis } from 'ioredis';
import type { RedisConfig } from '../../domain/appliance.ts';
import { isLifeboatError, LifeboatError } from '../../domain/errors.ts';
import type { DriverEnvironment } from '../driver.ts';
import { readTls, refusedCertificateHint } from '../tls.ts';
import { commandHint, refusalOf, refusedCommand } from './commands.ts';

export interface Endpoint {
  readonly component: string;
  readonly where: { readonly hostname: string; readonly port: number } | { readonly socket: string };
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly tls?: ConnectionOptions | undefined;
}

export async function endpointOf(
  config: RedisConfig,
  environment: Pick<DriverEnvironment, 'secret' | 'target'>,
): Promise<Endpoint> {
  const { id: component, username } = config;
  const { hostname, port } = (await environment.target.locate(component)).reach(config);
  const password = await environment.secret(config.password);
  return { component, where: { hostname, port }, username, password, tls: await readTls(config.tls, config) };
}

export interface CallOptions {
  readonly signal?: AbortSignal;
  /** False asks at once: a server that still loads then answers EngineUnavailable. */
  readonly waitsForLoad?: boolean;
}

const loadingPauseMs = 200;

/**
 * Runs the work on one connection and closes it. EngineUnavailable (also where the signal broke the connection off),
 * AuthFailed, PermissionDenied, EngineFailed.
 */
export async function withRedis<T>(
  endpoint: Endpoint,
  work: (client: Redis) => Promise<T>,
  { signal, waitsForLoad = true }: CallOptions = {},
): Promise<T> {
  const { where, username, password, tls } = endpoint;
  let lastError: unknown;
  const client = new Redis({
    ...('socket' in where ? { path: where.socket } : { host: where.hostname, port: where.port }),
    ...(tls === undefined ? {} : { tls }),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    lazyConnect: true,
    connectTimeout: 10_000,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    // Its own wait for the load writes to the terminal where the user may not call INFO.
    enableReadyCheck: false,
    retryStrategy: () => null,
  });
  client.on('error', (error) => {
    lastError = error;
  });
  const abort = (): void => client.disconnect();
  signal?.addEventListener('abort', abort, { once: true });
  try {
    await client.connect();
    if (waitsForLoad) await untilLoaded(client, signal);
    return await work(client);
  } catch (error) {
    throw translate(error, lastError, endpoint);
  } finally {
    signal?.removeEventListener('abort', abort);
    client.disconnect();
  }
}

/** A restored engine may load for a while, and refuses most commands until then. Where INFO is refused, the next command tells. */
async function untilLoaded(client: Redis, signal: AbortSignal | undefined): Promise<void> {
  while (await isLoading(client)) {
    // Where the signal ends the wait, the connection is closed, and the next question says so.
    await delay(loadingPauseMs, undefined, { signal }).catch(() => undefined);
  }
}

export async function isLoading(client: Redis): Promise<boolean> {
  try {
    return (await info(client, 'persistence'))['loading'] === '1';
  } catch (error) {
    if (error instanceof Error && error.name === 'ReplyError' && refusalOf(error.message) !== undefined) return false;
    throw error;
  }
}

export function describeEndpoint({ where }: Pick<Endpoint, 'where'>): string {
  return 'socket' in where ? where.socket : `${where.hostname}:${where.port}`;
}

/** The catalogue's error for an answer of Redis or the lack of one. Its text is the server's, never ours with arguments. */
export function engineError(text: string, endpoint: Endpoint): LifeboatError {
  const { component } = endpoint;
  const where = describeEndpoint(endpoint);
  const code = /^-?([A-Z]+)/.exec(text)?.[1];
  if (code === 'WRONGPASS' || code === 'NOAUTH' || /invalid password|without any password configured/.test(text)) {
    return new LifeboatError('AuthFailed', `Redis at ${where} refused the credentials (${code ?? 'ERR'})`, {
      component,
    });
  }
  const refused = refusedCommand(text);
  if (refused !== undefined)
    return new LifeboatError(
      refused.why === 'forbidden' ? 'PermissionDenied' : 'EngineFailed',
      `Redis at ${where}: ${text}`,
      {
        component,
        hint: commandHint(refused, endpoint.username),
      },
    );
  // A key or a channel: no command of ours names one.
  if (code === 'NOPERM') return new LifeboatError('PermissionDenied', `Redis at ${where}: ${text}`, { component });
  if (code === 'LOADING')
    return new LifeboatError('EngineUnavailable', `Redis at ${where} still loads its data`, { component });
  return new LifeboatError('EngineFailed', `Redis at ${where}: ${text}`, { component });
}

function translate(error: unknown, lastError: unknown, endpoint: Endpoint): unknown {
  if (isLifeboatError(error) || (error as Error).name === 'AbortError') return error;
  // When a connection is refused, the reason comes as an event, and the command only learns that it is closed.
  const reason = (lastError ?? error) as NodeJS.ErrnoException;
  for (const candidate of [error as Error, reason])
    if (candidate.name === 'ReplyError') return engineError(candidate.message, endpoint);
  const refused = certificateError(reason, endpoint);
  if (refused !== undefined) return refused;
  if (typeof reason.code === 'string' || /closed|ETIMEDOUT|writeable|max retries/i.test(reason.message)) {
    return new LifeboatError(
      'EngineUnavailable',
      `Redis at ${describeEndpoint(endpoint)} does not answer: ${reason.code ?? reason.message}`,
      { component: endpoint.component },
    );
  }
  return error;
}

/** AuthFailed where the server's certificate was refused, else undefined. */
export function certificateError(error: Error, endpoint: Endpoint): LifeboatError | undefined {
  const hint = refusedCertificateHint(error);
  if (hint === undefined) return undefined;
  // Node adds advice of its own after a semicolon.
  const [reason] = error.message.split(';');
  const text = `Redis at ${describeEndpoint(endpoint)} shows a certificate that is refused: ${reason}`;
  return new LifeboatError('AuthFailed', text, { component: endpoint.component, hint, cause: error });
}

/** `INFO` as fields. */
export async function info(client: Redis, section: string): Promise<Readonly<Record<string, string>>> {
  const text = await client.info(section);
  return Object.fromEntries(
    text.split('\r\n').flatMap((line) => {
      const colon = line.indexOf(':');
      return colon === -1 ? [] : [[line.slice(0, colon), line.slice(colon + 1)]];
    }),
  );
}

/** A setting of the running server, or undefined where CONFIG is forbidden or does not know it. */
export async function setting(client: Redis, name: string): Promise<string | undefined> {
  try {
    // RESP2 answers with a list of name and value, RESP3 with a map.
    const answer: unknown = await client.call('CONFIG', 'GET', name);
    if (Array.isArray(answer)) return typeof answer[1] === 'string' ? answer[1] : undefined;
    const value = (answer as Record<string, unknown>)[name];
    return typeof value === 'string' ? value : undefined;
  } catch (error) {
    if ((error as Error).name === 'ReplyError') return undefined;
    throw error;
  }
}
