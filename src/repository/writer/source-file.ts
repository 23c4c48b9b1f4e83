/** A regular file of this host as a source: is it the one that we know, and did it hold still? */
import { constants } from 'node:fs';
import { lstat, open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import type { FileEntry } from '../../domain/entry.ts';
import { LifeboatError } from '../../domain/errors.ts';
import type { SourceFacts } from '../threads/jobs.ts';
import { factsOf, sourceError, sourceFacts } from '../threads/seal-job.ts';
import { fromThreadError } from '../threads/thread-error.ts';

export async function lookAtSource(path: string | Buffer): Promise<SourceFacts> {
  try {
    const facts = await lstat(path, { bigint: true });
    if (!facts.isFile()) throw new LifeboatError('SourceChanged', 'is not a regular file');
    return factsOf(facts);
  } catch (error) {
    throw asLifeboatError(error, path);
  }
}

/** Opened once, without following a link; the caller closes it. */
export async function openSource(
  path: string | Buffer,
): Promise<{ readonly handle: FileHandle; readonly facts: SourceFacts }> {
  try {
    const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      return { handle, facts: sourceFacts(handle.fd) };
    } catch (error) {
      await handle.close();
      throw error;
    }
  } catch (error) {
    throw asLifeboatError(error, path);
  }
}

export interface SourceReading {
  readonly before: SourceFacts;
  readonly after: SourceFacts;
  readonly bytesRead: number;
}

export function isUnchanged(now: SourceFacts, before: NonNullable<FileEntry['source']>): boolean {
  return (
    now.size === before.size &&
    now.mtimeNs === before.mtimeNs &&
    now.ctimeNs === before.ctimeNs &&
    now.inode === before.inode
  );
}

/** What the entry says about its source. `source` only where it is settled, and the next backup may trust its times. */
export function describeSource(
  { before, after, bytesRead }: SourceReading,
  isSettled: boolean,
): Pick<FileEntry, 'changedDuringRead' | 'source' | 'sparse'> {
  const changed = !isUnchanged(after, before) || bytesRead !== after.size;
  const { size, mtimeNs, ctimeNs, inode } = after;
  return {
    ...(changed && { changedDuringRead: true }),
    ...(!changed && isSettled && { source: { size, mtimeNs, ctimeNs, inode, writtenBack: true } }),
    ...(before.allocatedBytes < before.size && { sparse: true }),
  };
}

function asLifeboatError(error: unknown, path: string | Buffer): LifeboatError {
  return fromThreadError(sourceError(error, path.toString()));
}
