/** One shift of WAL archiving, and what the archive is worth after it. May be killed anywhere and run again. */
import type { ReportProgress } from '../domain/progress.ts';
import { LifeboatError } from '../domain/errors.ts';
import type { Driver, WalShift } from '../drivers/driver.ts';
import type { Repository } from '../repository/repository.ts';
import { walStatus, type WalStatus } from './wal-status.ts';

export interface ArchiveOptions {
  readonly repository: Repository;
  readonly driver: Driver;
  readonly durationMs: number;
  readonly onProgress: ReportProgress;
  readonly signal: AbortSignal;
}

export interface ArchiveResult {
  readonly shift: WalShift;
  readonly status: WalStatus;
}

export async function archiveWal(options: ArchiveOptions): Promise<ArchiveResult> {
  const { driver, repository } = options;
  if (driver.archiveWal === undefined)
    throw new LifeboatError('InputInvalid', `component \`${driver.component}\` writes no WAL`, {
      component: driver.component,
    });
  const shift = await driver.archiveWal(options);
  return { shift, status: await walStatus(repository, driver.component) };
}
