/**
 * A server of Lifeboat's own that recovers a staged data directory away from the live one: reachable only through a
 * socket in a folder that nobody else may enter. It ends with this process, however this process ends.
 */
import { createHash } from 'node:crypto';
import { chown, lstat, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isLifeboatError, LifeboatError, type ErrorCode } from '../../../domain/errors.ts';
import { openSession } from './connection.ts';
import type { Session } from './connection.ts';
import type { SealedFacts } from '../facts.ts';
import { asOther } from './owner.ts';
import type { EngineEnd, EngineProcess, Owner } from '../../../platform/target.ts';
import { endLeftover } from './postmaster.ts';
import type { ServerPrograms } from './programs.ts';
import { privateConfig, privateHba, type RecoveryGoal } from './private-config.ts';
import { serveWal } from '../wal/serve.ts';
import type { WalSource } from '../wal/source.ts';

const pollMs = 50;
/** The kernel takes 108 bytes for the whole path of a socket; macOS 104. */
const longestFolderBytes = 80;
const logTailBytes = 2_000;
/** A crashed or hung server is killed after this; its files are staged ones. */
const quitTimeoutMs = 10_000;
/** A clean shutdown writes a checkpoint of what the recovery changed. */
const stopTimeoutMs = 15 * 60_000;

export interface PrivateServerOptions {
  readonly component: string;
  readonly programs: ServerPrograms;
  readonly dataDirectory: string;
  readonly facts: SealedFacts;
  readonly owner: Owner;
  readonly goal: RecoveryGoal;
  /** Answers its restore_command. */
  readonly source: WalSource;
  readonly signal: AbortSignal;
  /** How long `stop` waits. Default 15 min. */
  readonly stopTimeoutMs?: number;
  /** How long a statement of a session waits for a lock. Default 5 s. */
  readonly lockTimeoutMs?: number | undefined;
}

export interface PrivateServer {
  /** As the role that captured, or as the superuser of the cluster. */
  connect(database: string, role?: 'superuser'): Promise<Session>;
  /** As the role that captured, in whichever database there is. */
  connectAnywhere(): Promise<Session>;
  /**
   * Clean shutdown: afterwards the data directory needs no recovery. ValidationFailed if the server did not end well, or
   * not in time. An abort ends it at once, and rejects with its reason.
   */
  stop(): Promise<void>;
  /** Ends it without care and removes its folder. Does nothing after `stop`. */
  kill(): Promise<void>;
}

/**
 * Starts the server and returns when it has left recovery and takes connections. ValidationFailed with the end of its
 * log when it ends before. Ends what an earlier attempt left running on the same directory.
 */
export async function startPrivateServer(options: PrivateServerOptions): Promise<PrivateServer> {
  await endLeftover(options.dataDirectory);
  const folder = await makeFolder(options);
  const owner = asOther(options.owner);
  const segmentBytes = options.facts.walSegmentBytes;
  const wal = await serveWal({ folder, owner, source: options.source, segmentBytes });
  let server: PrivateServer | undefined;
  try {
    await writeConfig(options, folder, wal.command);
    const engine = await startEngine(options, folder);
    server = serverOf(options, folder, engine);
    await untilPromoted(options, server, engine, folder);
    return server;
  } catch (error) {
    // A server ends without a reason of its own where a file could not be given to it. Asked before the folder goes.
    const cause = wal.failure() ?? error;
    await wal.stop();
    await server?.kill();
    throw cause;
  } finally {
    await wal.stop();
  }
}

/** Named after the staged directory, so that the next attempt finds and reuses it. */
export function privateFolder(dataDirectory: string): string {
  return join(tmpdir(), `lifeboat-pg-${createHash('sha256').update(dataDirectory).digest('hex').slice(0, 16)}`);
}

async function makeFolder({ component, dataDirectory, owner }: PrivateServerOptions): Promise<string> {
  const folder = privateFolder(dataDirectory);
  if (Buffer.byteLength(folder) > longestFolderBytes) {
    throw new LifeboatError('Precondition', `the path \`${folder}\` is too long for a socket`, {
      component,
      hint: 'set TMPDIR of the worker to a shorter folder',
    });
  }
  const other = asOther(owner);
  await mkdir(folder, { mode: 0o700 }).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  });
  const stats = await lstat(folder);
  // The name can be guessed, and the temporary folder is everybody's.
  const isOurs = stats.isDirectory() && (stats.uid === owner.uid || stats.uid === process.getuid?.());
  if (!isOurs || (stats.mode & 0o077) !== 0) {
    throw new LifeboatError('Precondition', `\`${folder}\` exists and is not ours alone`, {
      component,
      hint: `look at it and remove it: rm -r '${folder}'`,
    });
  }
  if (other !== undefined) await chown(folder, other.uid, other.gid);
  return folder;
}

async function writeConfig(
  { facts, owner, goal }: PrivateServerOptions,
  folder: string,
  restoreCommand: string,
): Promise<void> {
  const other = asOther(owner);
  const paths = {
    folder,
    config: join(folder, 'postgresql.conf'),
    hba: join(folder, 'pg_hba.conf'),
    ident: join(folder, 'pg_ident.conf'),
  };
  const files = {
    [paths.config]: privateConfig(facts, paths, goal, restoreCommand),
    [paths.hba]: privateHba,
    [paths.ident]: '',
  };
  for (const [path, content] of Object.entries(files)) {
    await rm(path, { force: true });
    await writeFile(path, content, { mode: 0o600, flag: 'wx' });
    if (other !== undefined) await chown(path, other.uid, other.gid);
  }
}

async function startEngine(
  { programs, dataDirectory, owner }: PrivateServerOptions,
  folder: string,
): Promise<EngineProcess> {
  return programs.start(['-D', dataDirectory, '-c', `config_file=${join(folder, 'postgresql.conf')}`], {
    cwd: '/',
    user: owner,
    lastSignal: 'QUIT',
    logFile: join(folder, 'log'),
  });
}

function serverOf(options: PrivateServerOptions, folder: string, engine: EngineProcess): PrivateServer {
  const { component, facts, signal, lockTimeoutMs, stopTimeoutMs: stopMs = stopTimeoutMs } = options;
  let isStopped = false;
  const kill = async () => {
    if (isStopped) return;
    isStopped = true;
    if (engine.ended() === undefined) {
      engine.kill('SIGQUIT');
      const timer = setTimeout(() => engine.kill('SIGKILL'), quitTimeoutMs);
      await engine.exited;
      clearTimeout(timer);
    }
    await removeFolder(folder);
  };
  const connect: PrivateServer['connect'] = (database, role) => {
    const user = role === 'superuser' ? facts.superuser : facts.role;
    const address = { hostname: folder, port: 5432, user, password: undefined };
    return openSession(address, component, { database, lockTimeoutMs, signal });
  };
  return {
    kill,
    connect,
    connectAnywhere: async () => {
      // Each may be missing: the first before it was made, the others in a cluster whose owner dropped them.
      for (const database of [facts.database, 'postgres']) {
        try {
          return await connect(database);
        } catch (error) {
          if (!isLifeboatError(error, 'SourceEmpty')) throw error;
        }
      }
      return connect('template1');
    },
    stop: async () => {
      engine.kill('SIGINT');
      if (!(await endsWithin(engine.exited, stopMs, signal))) {
        await kill();
        signal.throwIfAborted();
        const text = `the private server did not shut down within ${stopMs / 1000} s; it was killed`;
        // Slow is the host's fault, not the data's.
        throw new LifeboatError('EngineFailed', text, { component });
      }
      const end = await engine.exited;
      if (end.exitCode !== 0) throw await endedFailure(options, end, folder);
      isStopped = true;
      await removeFolder(folder);
    },
  };
}

/** A helper of a server that died may write a last line while the folder goes. */
async function removeFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
}

/** False where the time is over or the work was aborted before. */
async function endsWithin(exited: Promise<unknown>, limitMs: number, signal: AbortSignal): Promise<boolean> {
  const waiting = new AbortController();
  const limit = AbortSignal.any([signal, waiting.signal]);
  // Also rejects where the signal was aborted before.
  const over = delay(limitMs, false, { signal: limit }).catch(() => false);
  try {
    return await Promise.race([exited.then(() => true), over]);
  } finally {
    waiting.abort();
  }
}

async function untilPromoted(
  options: PrivateServerOptions,
  server: PrivateServer,
  engine: EngineProcess,
  folder: string,
): Promise<void> {
  while (!(await isPromoted(server))) {
    const end = engine.ended();
    if (end !== undefined) throw await endedFailure(options, end, folder);
    await delay(pollMs, undefined, { signal: options.signal });
  }
}

/** It refuses connections during recovery; read-only consistency would not be enough either (rows may be old ones). */
async function isPromoted(server: PrivateServer): Promise<boolean> {
  let session: Session | undefined;
  try {
    session = await server.connectAnywhere();
    const row = await session.row('SELECT pg_is_in_recovery()::text AS recovering');
    return row['recovering'] === 'false';
  } catch (error) {
    if (isLifeboatError(error, 'EngineUnavailable')) return false;
    throw error;
  } finally {
    await session?.end();
  }
}

async function endedFailure(options: PrivateServerOptions, end: EngineEnd, folder: string): Promise<LifeboatError> {
  const log = await readFile(join(folder, 'log'), 'utf8').catch(() => '');
  if (log.includes('recovery ended before configured recovery target was reached')) return targetNotReached(options);
  return new LifeboatError(
    faultOf(log, end),
    `the private server ended (${end.how}) on the staged data; the end of its log: ${log.trim().slice(-logTailBytes)}`,
    { component: options.component },
  );
}

/** A host that lacks room, memory or a library, or ended it, says nothing of the staged data. */
function faultOf(log: string, { exitCode }: EngineEnd): ErrorCode {
  if (log.includes('No space left on device')) return 'NoSpace';
  const isOfHost =
    exitCode === null ||
    /out of memory|Cannot allocate memory|could not fork|could not (load|access file|open) .*lib|contains errors/.test(
      log,
    );
  return isOfHost ? 'EngineFailed' : 'ValidationFailed';
}

/** All that the archive holds was replayed, and the target did not come. */
function targetNotReached({ component, goal }: PrivateServerOptions): LifeboatError {
  const what = goal.stopAt === undefined ? 'the target' : `${goal.stopAt.kind} \`${goal.stopAt.value}\``;
  return new LifeboatError('ValidationFailed', `the archived WAL ends before ${what}`, {
    component,
    hint: 'choose an earlier moment; for a name, an older recovery point may lie before it: add `--at ID`',
    details: { isTargetMissing: true },
  });
}
