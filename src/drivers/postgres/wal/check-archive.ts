/** What `doctor` says of archived WAL that the server never wrote: a clone, or an older state of it, archives there too. */
import type { PostgresConfig } from '../../../domain/appliance.ts';
import { isLifeboatError } from '../../../domain/errors.ts';
import { lastRange } from '../../../domain/wal.ts';
import type { Repository } from '../../../repository/repository.ts';
import type { DriverEnvironment } from '../../driver.ts';
import { addressOf, openServerSession, type Address } from '../server/connection.ts';
import { compareWithServer } from './same-history.ts';
import { identify, type Server } from './session.ts';
import type { Finding } from '../../../domain/finding.ts';

/** Compares the archive's end with the server; no finding where they agree. Never throws. */
export async function checkArchive(
  config: PostgresConfig,
  environment: DriverEnvironment,
  repository: Repository,
): Promise<Finding[]> {
  if (!config.wal.archive) return [];
  try {
    await compareEnd(config, await addressOf(config, environment), repository);
    return [];
  } catch (error) {
    // What cannot be asked or read others tell of: the checks of server, slot and repository.
    if (!isLifeboatError(error, 'WalConflict')) return [];
    return [{ name: 'archived WAL', level: 'fail', text: error.message, hint: error.hint }];
  }
}

async function compareEnd(config: PostgresConfig, address: Address, repository: Repository): Promise<void> {
  const { systemId, segmentBytes, timeline, flushedTo } = await askServer(config, address);
  const archive = repository.wal({ component: config.id, systemId, segmentBytes });
  const { pieces } = await archive.list();
  const archivedTo = lastRange(pieces, timeline)?.endLsn;
  if (archivedTo === undefined) return;
  const endLsn = archivedTo < flushedTo ? archivedTo : flushedTo;
  const { signal } = new AbortController();
  await compareWithServer({ config, address, archive, pieces, timeline, startLsn: endLsn - 1n, endLsn, signal });
}

async function askServer(config: PostgresConfig, address: Address): Promise<Server> {
  const session = await openServerSession(config, address, { replication: true });
  try {
    return await identify(session);
  } finally {
    await session.end();
  }
}
