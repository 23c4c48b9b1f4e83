/** The time of a storage that is only read. */
import { isLifeboatError } from '../domain/errors.ts';
import type { Storage } from './storage.ts';

/** Most storages tell their time by what is written there; this host's clock where that is refused, as on a read-only mount. */
export async function clockOf(storage: Pick<Storage, 'now'>): Promise<Date> {
  return storage.now().catch((error: unknown) => {
    if (!isLifeboatError(error)) throw error;
    return new Date();
  });
}
