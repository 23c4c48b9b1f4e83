/**
 * The driver for PostgreSQL 15 to 18: physical base backups over the replication protocol, restored by a private
 * server before they go live. Bytes are the server's own files; recovery is PostgreSQL's.
 */
import type { PostgresConfig } from '../../domain/appliance.ts';
import { isLifeboatError, LifeboatError } from '../../domain/errors.ts';
import { roleOfKind } from '../../domain/component.ts';
import type { ProbeResult } from '../../domain/recovery-point.ts';
import type { Driver, DriverEnvironment, RestoreContext } from '../driver.ts';
import { capturePostgres } from './capture/capture.ts';
import { checkPostgres } from './check/check.ts';
import { addressOf, openServerSession, openSession } from './server/connection.ts';
import type { Session } from './server/connection.ts';
import { probeContent } from './verify/content-probes.ts';
import { readinessByAnswer } from '../ready-by-answer.ts';
import { refuseWhileRunning } from './restore/damaged.ts';
import { readFacts } from './facts.ts';
import { engineFailure } from './server/failures.ts';
import { commitPostgres, swapPostgres, undoPostgres } from './restore/go-live.ts';
import { inspectPostgres } from './verify/inspect.ts';
import { probeRecoveredState } from './verify/recovered-state.ts';
import { stagePostgres } from './restore/stage.ts';
import { postgresTargets } from './restore/targets.ts';
import { finishPostgres, validatePostgres } from './restore/validate.ts';
import { checkArchive } from './wal/check-archive.ts';
import { incrementPostgres } from './wal/increment.ts';
import { archiveSession } from './wal/session.ts';
import { guardSlot } from './wal/slot-guard.ts';
import { detachSlot } from './wal/detach.ts';
import { ensureSlot } from './wal/slot.ts';

/** Pages that change lie scattered: a larger block would be stored again for one page. */
const blockSizeBytes = 256 * 1024;

export function createPostgresDriver(config: PostgresConfig, environment: DriverEnvironment): Driver {
  return {
    component: config.id,
    kind: config.kind,
    role: roleOfKind(config.kind),
    blockSize: blockSizeBytes,
    check: () => checkPostgres(config, environment),
    ready: (signal) => readinessByAnswer(() => ask(config, environment, signal)),
    estimate: () => estimate(config, environment),
    capture: (context) => capturePostgres(config, environment, context),
    increment: (context) => incrementPostgres(config, environment, context),
    archiveWal: (context) => archiveSession(config, environment, context),
    checkArchive: (repository) => checkArchive(config, environment, repository),
    guardWal: () => guardSlot(config, environment),
    detachWal: (slot) => detachSlot(config, environment, slot),
    inspect: (repository, record, signal) => inspectPostgres({ repository, record, signal }),
    restoreTargets: (record, wal) => postgresTargets(config, environment.target, record, wal),
    stage: (context) => stagePostgres(config, environment, context),
    validate: (context) => validatePostgres(config, environment, context),
    finish: (context) => finishPostgres(config, environment, context),
    swap: (context) => swapPostgres(config, environment, context),
    requireStopped: () => refuseWhileRunning(config, environment.target),
    undo: (context) => undoPostgres(config, environment, context),
    probe: (context) => probe(config, environment, context),
    commit: (context) => commitPostgres(config, environment, context),
  };
}

/** A cluster that is about to be seeded answers too, although it lacks the configured database. */
async function ask(config: PostgresConfig, environment: DriverEnvironment, signal: AbortSignal): Promise<void> {
  const address = await addressOf(config, environment);
  try {
    await (await openServerSession(config, address, { signal })).end();
  } catch (error) {
    if (!isLifeboatError(error, 'SourceEmpty')) throw error;
  }
}

/** Databases that the role may not connect to are not counted: a plan then shows less, a capture reads all. */
async function estimate(config: PostgresConfig, environment: DriverEnvironment): Promise<{ readonly bytes: number }> {
  const session = await openServerSession(config, await addressOf(config, environment));
  try {
    const row = await session.row(
      `SELECT coalesce(sum(pg_database_size(oid)), 0)::text AS bytes FROM pg_database
        WHERE has_database_privilege(oid, 'CONNECT') OR pg_has_role('pg_read_all_stats', 'USAGE')`,
    );
    return { bytes: Number(row['bytes']) };
  } finally {
    await session.end();
  }
}

/** A base backup has no slots. Where the server refuses one, archiving says so; the restored data is as good without. */
async function keepWal(session: Session, config: PostgresConfig): Promise<void> {
  try {
    await ensureSlot(session, config);
  } catch (error) {
    if (!(error instanceof LifeboatError) || error.code === 'EngineUnavailable') throw error;
  }
}

/** Against the server as it is configured: the one that runs on the restored data. */
async function probe(
  config: PostgresConfig,
  environment: DriverEnvironment,
  context: RestoreContext,
): Promise<ProbeResult[]> {
  const facts = await readFacts(context);
  const address = await addressOf(config, environment);
  const { lockTimeoutMs } = environment;
  const { signal } = context;
  const session = await openSession(address, config.id, { database: facts.database, lockTimeoutMs, signal });
  try {
    const { wal, token } = context;
    // Before the app writes: the server would remove WAL that nobody keeps.
    if (config.wal.archive) await keepWal(session, config);
    return wal === undefined
      ? await probeContent(session, facts, context.record)
      : await probeRecoveredState(session, { config, environment, runId: token.runId });
  } catch (error) {
    context.signal.throwIfAborted();
    throw engineFailure(error, config.id, 'probe the restored server');
  } finally {
    await session.end();
  }
}
