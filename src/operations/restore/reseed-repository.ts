/** Begins a repository anew from a copy of it. */
import { isLifeboatError } from '../../domain/errors.ts';
import type { Storage } from '../../storage/storage.ts';
import { readIdentity } from '../../repository/identity.ts';
import { copySkeleton } from '../../repository/replicate/skeleton.ts';

/** False where a repository stands already. Its recovery points stay where they are: the copy holds them. */
export async function reseedRepository(copy: Storage, target: Storage): Promise<boolean> {
  try {
    await readIdentity(target);
    return false;
  } catch (error) {
    // One that lost its identity alone gets it again.
    if (!isLifeboatError(error, 'RepositoryMissing', 'ObjectMissing')) throw error;
  }
  await readIdentity(copy);
  await copySkeleton(copy, target);
  return true;
}
