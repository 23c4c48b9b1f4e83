/** One session of WAL archiving, and what the archive is worth after it. May be killed anywhere and run again. */
import type { ReportProgress } from '../../domain/progress.ts';
import { LifeboatError } from '../../domain/errors.ts';
import type { Driver, WalSession } from '../../drivers/driver.ts';
import type { Repository } from '../../repository/repository.ts';
import type { Storage } from '../../storage/storage.ts';
import { followWal } from './ship.ts';
import { walStatus, type WalStatus } from './continuity.ts';

/** A location that takes longer gets the rest with the next session. */
const drainMs = 60_000;

export interface ArchiveOptions {
  readonly repository: Repository;
  readonly driver: Driver;
  readonly durationMs: number;
  /** As in WalContext. */
  readonly stopping?: AbortSignal;
  readonly locations: readonly WalLocation[];
  /** The location that must hold the WAL before the server may forget it. */
  readonly ackLocation: string | undefined;
  readonly onProblem: (text: string) => void;
  readonly onProgress: ReportProgress;
  readonly signal: AbortSignal;
}

export interface WalLocation {
  readonly name: string;
  readonly storage: () => Promise<Storage>;
}

export interface ArchiveResult {
  readonly session: WalSession;
  readonly status: WalStatus;
}

export async function archiveWal(options: ArchiveOptions): Promise<ArchiveResult> {
  const { driver, repository } = options;
  if (driver.archiveWal === undefined)
    throw new LifeboatError('InputInvalid', `component \`${driver.component}\` writes no WAL`, {
      component: driver.component,
    });
  const ending = new AbortController();
  const signal = AbortSignal.any([options.signal, ending.signal]);
  const followers = options.locations.map(({ name, storage }) => ({
    name,
    ...followWal({ repository, location: name, target: storage, onProblem: options.onProblem, signal }),
  }));
  try {
    const barrier = followers.find(({ name }) => name === options.ackLocation);
    const session = await driver.archiveWal({ ...options, followers, ...(barrier === undefined ? {} : { barrier }) });
    return { session, status: await walStatus(repository, driver.component) };
  } catch (error) {
    // A server that ended leaves nobody who would bring its last words elsewhere; after an hour the next session does.
    await Promise.all(followers.map(async (follower) => follower.drained(drainMs)));
    throw error;
  } finally {
    ending.abort();
    await Promise.all(followers.map(async ({ ended }) => ended));
  }
}
