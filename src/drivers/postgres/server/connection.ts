/** Sessions with a PostgreSQL server: plain ones and such that also take replication commands. */
import type { ConnectionOptions } from 'node:tls';
import pg from 'pg';
import type { PostgresConfig } from '../../../domain/appliance.ts';
import type { DriverEnvironment } from '../../driver.ts';
import { engineFailure, sqlState } from './failures.ts';
import { isLifeboatError, LifeboatError } from '../../../domain/errors.ts';
import { readTls } from '../../tls.ts';
import { ReusingSocket } from './read-buffers.ts';

/** A local server answers in milliseconds; ten seconds cover one that is swapping. */
const connectTimeoutMs = 10_000;
/** A host that vanishes in the middle of a copy is noticed after this and some probes, not after the system's two hours. */
const keepAliveAfterMs = 30_000;

export interface Address {
  /** Host name, or the folder of a Unix socket. */
  readonly hostname: string;
  readonly port: number;
  readonly user: string;
  readonly password: string | undefined;
  readonly tls?: ConnectionOptions | undefined;
}

/** No statement of ours waits longer for a lock: a transaction that was prepared and forgotten keeps its own for ever. */
const defaultLockTimeoutMs = 5000;

/**
 * By commands that look nothing up, so that nothing can be in their way. The role is the one that logged in: doctor asks
 * for its rights. With the application's own path, functions and tables of the application would be taken for the server's,
 * and would run with our rights. A commit of ours does not wait for standbys: where one is missed it would do so for ever.
 */
const setFirst = `SET ROLE NONE; SET search_path = pg_catalog; SET synchronous_commit = local; SET work_mem = '32MB';
  SET default_transaction_read_only = off; SET default_transaction_isolation = 'read committed';
  SET default_transaction_deferrable = off`;

/**
 * Server, database and role may carry limits that a count over a large table meets, settings that hide the warnings of a
 * base backup, and such that change how statements and names are written. Older servers do not know all of these.
 */
const ownSettings = {
  statement_timeout: '0',
  idle_in_transaction_session_timeout: '0',
  idle_session_timeout: '0',
  transaction_timeout: '0',
  client_min_messages: 'notice',
  quote_all_identifiers: 'off',
  standard_conforming_strings: 'on',
  // A table that is replaced by a view between two statements would have its owner's functions run with our rights.
  restrict_nonsystem_relation_kind: 'view, foreign-table',
};
/**
 * A database without an encoding holds any bytes: they come as they are, for asked for in UTF-8 the server refuses what is
 * none.
 */
const setOwn = (lockTimeoutMs: number): string => `
  SELECT set_config(name, value, false) FROM (VALUES ${Object.entries({
    ...ownSettings,
    lock_timeout: `${lockTimeoutMs}`,
  })
    .map(([name, value]) => `('${name}', '${value}')`)
    .join(', ')}) AS own(name, value) WHERE current_setting(name, true) IS NOT NULL;
  SELECT set_config('client_encoding', 'SQL_ASCII', false) WHERE current_setting('server_encoding') = 'SQL_ASCII'`;

/** Sorting rows takes temporary files: who may lift the limit of them does. */
const liftLimit =
  "SELECT set_config('temp_file_limit', '-1', false) WHERE has_parameter_privilege('temp_file_limit', 'SET')";

/** A server older than 15 does not know that question. It is refused by its version, in words, once it was asked for it. */
const undefinedFunction = '42883';

export interface SessionOptions {
  readonly database: string;
  /** Whether the session takes replication commands beside SQL. Needs LOGIN REPLICATION. */
  readonly replication?: boolean;
  /** How long a statement waits for a lock. Default 5 s. */
  readonly lockTimeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export type Row = Readonly<Record<string, string | null>>;

/** A connected session. All values come as text, as the server wrote them: nothing is rounded. */
export interface Session {
  readonly client: pg.Client;
  rows(text: string, values?: readonly unknown[]): Promise<Row[]>;
  /** The single row of a query. */
  row(text: string, values?: readonly unknown[]): Promise<Row>;
  end(): Promise<void>;
}

/** A cluster has it from the start, and no application keeps its data there. */
const defaultDatabase = 'postgres';

/** Servers (`host:port`) that did not let us into it: asked once, or the log of such a server would tell of it each time. */
const withoutUsual = new Set<string>();

/** No such database, no right to connect to it, no line for it in pg_hba.conf. */
const isClosed = (error: unknown): boolean =>
  isLifeboatError(error) && ['3D000', '42501', '28000'].includes(String(error.details['sqlState']));

/**
 * A session for what concerns the whole server: in the database `postgres`, because a session in the configured one would
 * hinder whoever drops or renames that. Where the server has no `postgres`, or keeps us out of it, in the configured one;
 * its failures then name that one.
 */
export async function openServerSession(
  config: PostgresConfig,
  address: Address,
  options: Omit<SessionOptions, 'database'> = {},
): Promise<Session> {
  const server = `${address.hostname}:${address.port}`;
  if (!withoutUsual.has(server)) {
    try {
      return await openSession(address, config.id, { ...options, database: defaultDatabase });
    } catch (error) {
      if (!isClosed(error)) throw error;
      withoutUsual.add(server);
    }
  }
  try {
    return await openSession(address, config.id, { ...options, database: config.database });
  } catch (error) {
    // It may be that one which is missing by now.
    withoutUsual.delete(server);
    throw error;
  }
}

/** Where the configuration says that the component's server listens; reads password and certificates. */
export async function addressOf(config: PostgresConfig, environment: DriverEnvironment): Promise<Address> {
  const password = await environment.secret(config.password);
  const tls = await readTls(config.tls, config);
  const { hostname, port } = (await environment.target.locate(config.id)).reach(config);
  return { hostname, port, user: config.user, password, tls };
}

/**
 * Opens a session; the caller ends it. AuthFailed, PermissionDenied (no right to replicate), SourceEmpty (no such
 * database), EngineUnavailable. An abort breaks the connection off.
 */
export async function openSession(address: Address, component: string, options: SessionOptions): Promise<Session> {
  options.signal?.throwIfAborted();
  const client = new pg.Client({
    host: address.hostname,
    port: address.port,
    user: address.user,
    password: address.password,
    database: options.database,
    application_name: 'lifeboat',
    connectionTimeoutMillis: connectTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: keepAliveAfterMs,
    types: { getTypeParser: () => (value: string) => value },
    // Said in any case: else PGSSLMODE of the worker's environment would decide.
    ssl: address.tls ?? false,
    ...(options.replication ? { replication: 'database' } : {}),
    // Under TLS the socket reads ciphertext, into memory that OpenSSL manages.
    ...(options.replication && address.tls === undefined ? { stream: () => new ReusingSocket() } : {}),
  } as pg.ClientConfig);
  // A lost connection fails the query that runs; without a listener it would end the process too. What the server said
  // last is the cause: the query that comes after it only learns that there is no connection.
  const lost: Lost = { said: undefined };
  client.on('error', (error) => {
    if (sqlState(error) !== undefined) lost.said ??= error;
  });
  const abort = () => client.connection.stream.destroy();
  options.signal?.addEventListener('abort', abort, { once: true });
  const end = async () => {
    options.signal?.removeEventListener('abort', abort);
    await client.end().catch(() => {});
  };
  try {
    await client.connect();
    await client.query(setFirst);
    await client.query(setOwn(options.lockTimeoutMs ?? defaultLockTimeoutMs));
    await client.query(liftLimit).catch((error: unknown) => {
      if (sqlState(error) !== undefinedFunction) throw error;
    });
  } catch (error) {
    await end();
    options.signal?.throwIfAborted();
    throw connectFailure(lost.said ?? error, address, component, options);
  }
  return sessionOf({ client, component, signal: options.signal, lost }, end);
}

interface Lost {
  said: Error | undefined;
}

interface Connected {
  readonly client: pg.Client;
  readonly component: string;
  readonly signal: AbortSignal | undefined;
  readonly lost: Lost;
}

function sessionOf({ client, component, signal, lost }: Connected, end: () => Promise<void>): Session {
  const rows = async (text: string, values: readonly unknown[] = []) => {
    try {
      // Without values pg uses the simple protocol, the only one that a replication session takes.
      const result = values.length === 0 ? await client.query<Row>(text) : await client.query<Row>(text, [...values]);
      return result.rows;
    } catch (error) {
      signal?.throwIfAborted();
      throw engineFailure(sqlState(error) === undefined ? (lost.said ?? error) : error, component, 'query the server');
    }
  };
  const row = async (text: string, values: readonly unknown[] = []) => {
    const [first] = await rows(text, values);
    if (first === undefined) {
      throw new LifeboatError('EngineFailed', 'the server answered a query without a row', { component });
    }
    return first;
  };
  return { client, rows, row, end };
}

function connectFailure(error: unknown, address: Address, component: string, options: SessionOptions): Error {
  const where = `\`${address.hostname}:${address.port}\``;
  const state = sqlState(error);
  if (state === '3D000') {
    return new LifeboatError('SourceEmpty', `there is no database \`${options.database}\` on ${where}`, {
      component,
      hint: 'check `database` of the component; an empty backup is a failed backup',
      details: { sqlState: state },
      cause: error,
    });
  }
  if (options.replication && state === '42501') {
    return new LifeboatError('PermissionDenied', `role \`${address.user}\` may not replicate from ${where}`, {
      component,
      hint: `run as a superuser: ALTER ROLE ${pg.escapeIdentifier(address.user)} REPLICATION;`,
      details: { sqlState: state },
      cause: error,
    });
  }
  return engineFailure(error, component, `connect to ${where} as \`${address.user}\``);
}
