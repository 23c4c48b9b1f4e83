/** A real Temporal server with its web UI: the maker's development server, with its history in a file. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { askServer, serverCommand, defaultNamespace } from '../client/temporal/dev-server.ts';
import type { OsUser } from '../platform/process/os-user.ts';
import { startEngine } from './engine-process.ts';
import type { EngineProcess } from './engine-process.ts';
import { findTemporal } from './engines.ts';
import { freePorts } from './free-ports.ts';

export type SearchAttributeType = 'Keyword' | 'Text' | 'Int' | 'Double' | 'Bool' | 'Datetime' | 'KeywordList';

export interface TemporalOptions {
  /** Holds `temporal.db` and the log; made when absent. A server started again on it knows the earlier runs. */
  readonly directory: string;
  readonly port?: number;
  readonly uiPort?: number;
  readonly headless?: boolean;
  /** Where it serves what it counts of itself, as Prometheus reads it. */
  readonly metricsPort?: number;
  readonly searchAttributes?: Readonly<Record<string, SearchAttributeType>>;
  /** Nothing outlives the server, which answers sooner then. */
  readonly inMemory?: boolean;
  /** `frontend.WorkflowTimeSkippingEnabled=true` and the like. */
  readonly dynamicConfig?: Readonly<Record<string, string>>;
  /** Beside our own. */
  readonly env?: NodeJS.ProcessEnv;
  readonly user?: OsUser;
  readonly detached?: boolean;
}

export interface TemporalInstance {
  readonly address: string;
  readonly namespace: string;
  readonly port: number;
  readonly uiPort: number;
  /** Where a browser goes; nothing answers there with `headless`. */
  readonly uiUrl: string;
  readonly logFile: string;
  readonly databaseFile: string;
  readonly command: readonly string[];
}

export interface RunningTemporal extends TemporalInstance, EngineProcess {}

/** The command that starts the server, with ports chosen; starts nothing. */
export async function prepareTemporal(options: TemporalOptions): Promise<TemporalInstance> {
  const [anyPort, anyUiPort] = await freePorts(2);
  const port = options.port ?? anyPort!;
  const uiPort = options.uiPort ?? anyUiPort!;
  const databaseFile = join(options.directory, 'temporal.db');
  const more = [
    ...(options.metricsPort === undefined ? [] : ['--metrics-port', String(options.metricsPort)]),
    ...Object.entries(options.searchAttributes ?? {}).flatMap(([name, type]) => [
      '--search-attribute',
      `${name}=${type}`,
    ]),
    ...Object.entries(options.dynamicConfig ?? {}).flatMap(([name, value]) => [
      '--dynamic-config-value',
      `${name}=${value}`,
    ]),
  ];
  const place = {
    binary: findTemporal(),
    databaseFile: options.inMemory === true ? undefined : databaseFile,
    port,
    uiPort: options.headless === true ? undefined : uiPort,
  };
  return {
    address: `127.0.0.1:${port}`,
    namespace: defaultNamespace,
    port,
    uiPort,
    uiUrl: `http://127.0.0.1:${uiPort}`,
    logFile: join(options.directory, 'temporal.log'),
    databaseFile,
    command: [...serverCommand(place), ...more],
  };
}

/**
 * Starts the server; returns when its namespace answers. `stop` is clean, `kill` is a crash. It takes further ports for
 * itself, and gives up where another process was faster: then it is started again.
 */
export async function startTemporal(options: TemporalOptions): Promise<RunningTemporal> {
  await mkdir(options.directory, { recursive: true, mode: 0o700 });
  for (let more = 2; ; more -= 1) {
    try {
      return await startOnce(options);
    } catch (error) {
      if (more === 0) throw error;
    }
  }
}

async function startOnce(options: TemporalOptions): Promise<RunningTemporal> {
  const instance = await prepareTemporal(options);
  const running = await startEngine({
    name: 'Temporal',
    command: instance.command,
    cwd: options.directory,
    env: { ...process.env, ...options.env },
    logFile: instance.logFile,
    user: options.user,
    stopSignal: 'SIGTERM',
    answers: () => askServer(instance.address),
    detached: options.detached ?? false,
  });
  return { ...instance, ...running };
}
