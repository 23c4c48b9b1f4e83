/**
 * While a private server works on a staged directory, nothing of it is synced: it runs without fsync, and all is made
 * durable at once when it has ended. A mark says so until then. Processes that are killed lose nothing of what they wrote;
 * a host that loses its power does, and what it left must never go live.
 */
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { LifeboatError } from '../../../domain/errors.ts';
import { ownIdentity } from '../../../programs/process-identity.ts';
import { syncFolder, writeDurably } from '../../swap/disk.ts';
import { syncTree } from '../../tree/tree-threads.ts';
import type { StagedDirectory } from './staged-directory.ts';
import { unsyncedMark } from './staged-directory.ts';

/** Before the server starts. Precondition where another boot of this host left it unsynced. */
export async function beginUnsynced({ path, owner }: StagedDirectory, component: string): Promise<void> {
  const { bootId } = ownIdentity();
  const left = await readFile(join(path, unsyncedMark), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (left !== undefined && left !== bootId)
    throw new LifeboatError(
      'Precondition',
      `the host was started anew while the private server recovered \`${path}\`: what it had written may be lost`,
      { component, hint: 'nothing was exchanged; start the restore again, which stages the data anew' },
    );
  if (left === undefined) await writeDurably(join(path, unsyncedMark), bootId, owner);
}

/** When no server has the directory open any more. */
export async function endUnsynced({ path, elsewhere }: StagedDirectory): Promise<void> {
  for (const each of [path, ...elsewhere.map(({ staged }) => staged)]) await syncTree(each);
  await rm(join(path, unsyncedMark), { force: true });
  await syncFolder(path);
}
