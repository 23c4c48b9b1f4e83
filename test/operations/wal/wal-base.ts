/** Bases and WAL of a cluster that was never there, for what looks at names, positions and times alone. */
import { join } from 'node:path';
import { formatLsn } from '../../../src/domain/lsn.ts';
import type { ComponentRecord } from '../../../src/domain/recovery-point.ts';
import type { WalPiece } from '../../../src/domain/wal.ts';
import type { Repository, WalArchive } from '../../../src/repository/repository.ts';
import { initRepository } from '../../../src/repository/init.ts';
import { createLocalStorage } from '../../../src/storage/local/local-storage.ts';
import type { Storage } from '../../../src/storage/storage.ts';
import { reserve, testKey } from '../../repository/backup.ts';
import { timed, type Clock } from '../../support/timed-storage.ts';

/** The smallest that a server can have: what is in them is nothing to these tests. */
export const segmentBytes = 0x100000;

/** The guide's, where the repository lies. */
export const limits = {
  pointSeconds: {
    full: 30 * 86_400,
    incremental: 7 * 86_400,
    critical: 86_400,
    configuration: 90 * 86_400,
    monitoring: 7 * 86_400,
  },
  walSeconds: 7 * 86_400,
};

/** A new repository whose clock is the test's. */
export async function timedRepository(
  folder: string,
  begin: Date,
  open: (storage: Storage) => Promise<Repository>,
): Promise<{ readonly clock: Clock; readonly repository: Repository }> {
  const clock: Clock = { now: begin };
  const storage = timed(createLocalStorage(join(folder, 'r')), clock);
  await (await initRepository(storage, testKey)).repository.close();
  return { clock, repository: await open(storage) };
}

export function archiveIn(repository: Repository): WalArchive {
  return repository.wal({ component: 'pg', systemId: '7', segmentBytes });
}

export function segment(timeline: number, number: number): WalPiece {
  const startLsn = BigInt(number * segmentBytes);
  return { timeline, startLsn, endLsn: startLsn + BigInt(segmentBytes) };
}

/** A base whose own WAL ends at the given segment. */
export async function base(
  repository: Repository,
  at: Date,
  endSegment: number,
  timeline = 1,
): Promise<ComponentRecord> {
  const backupId = await reserve(repository, at);
  const writer = await repository.writeComponent({ backupId, componentId: 'pg', blockSize: 65_536 });
  await writer.bytes('PG_VERSION', Buffer.from('15\n'));
  const { indexId, files, bytes, storedBytes } = await writer.finish();
  await repository.closeIntent(backupId);
  return {
    id: 'pg',
    kind: 'postgres',
    host: 'main',
    indexId,
    files,
    bytes,
    storedBytes,
    quiescence: 'quiesced',
    suspect: false,
    capturedFrom: at.toISOString(),
    capturedUntil: at.toISOString(),
    facts: {
      systemIdentifier: '7',
      walSegmentBytes: segmentBytes,
      timeline,
      stopLsn: formatLsn(BigInt(endSegment * segmentBytes)),
    },
  };
}
