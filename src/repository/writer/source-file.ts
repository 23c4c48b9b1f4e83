/** A regular file of this host as a source: is it the one that we know, and did it hold still? */
import { constants } from 'node:fs';
import type { BigIntStats } from 'node:fs';
import { lstat, open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import type { EntryMeta, FileEntry } from '../../domain/entry.ts';
import { LifeboatError } from '../../domain/errors.ts';
import type { Reading, SourceFacts } from '../threads/jobs.ts';
import { factsOf, regularFile, sourceError } from '../threads/seal-job.ts';
import { fromThreadError } from '../../threads/thread-error.ts';

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
): Promise<{ readonly handle: FileHandle; readonly stats: BigIntStats }> {
  try {
    const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      return { handle, stats: regularFile(handle.fd) };
    } catch (error) {
      await handle.close();
      throw error;
    }
  } catch (error) {
    throw asLifeboatError(error, path);
  }
}

export interface SourceReading extends Reading {
  readonly bytesRead: number;
}

/** Whether the file is the one that was read then, unchanged since. */
export function isUnchanged(
  now: SourceFacts,
  { size, mtimeNs, source }: Pick<FileEntry, 'size' | 'mtimeNs' | 'source'>,
): boolean {
  return (
    source !== undefined &&
    now.size === size &&
    now.mtimeNs === mtimeNs &&
    now.ctimeNs === source.ctimeNs &&
    now.inode === source.inode
  );
}

export function hasSameContent({ blocks }: Pick<FileEntry, 'blocks'>, other: FileEntry): boolean {
  return (
    blocks.length === other.blocks.length && blocks.every(([, , , digest], at) => digest === other.blocks[at]?.[3])
  );
}

/** What the entry says about its source. `source` only where it is settled, and the next backup may trust its times. */
export function describeSource(
  entry: EntryMeta,
  { isStill, after, bytesRead }: SourceReading,
  isSettled: boolean,
): Pick<FileEntry, 'changedDuringRead' | 'source' | 'sparse'> {
  const { size, mtimeNs, ctimeNs, inode, allocatedBytes } = after;
  const changed = !isStill || bytesRead !== size;
  return {
    ...(changed && { changedDuringRead: true }),
    // The entry has the time at which the file was listed.
    ...(!changed && isSettled && mtimeNs === entry.mtimeNs && { source: { ctimeNs, inode } }),
    ...(allocatedBytes < size && { sparse: true }),
  };
}

export function identityOf(
  { ctimeNs, inode }: NonNullable<EntryMeta['source']>,
  attributes: boolean,
): NonNullable<EntryMeta['source']> {
  return { ctimeNs, inode, ...(attributes && { attributes }) };
}

function asLifeboatError(error: unknown, path: string | Buffer): LifeboatError {
  return fromThreadError(sourceError(error, path.toString()));
}
