/** What a check works with. */
import type { Storage } from '../../storage/storage.ts';
import type { ThreadPool } from '../threads/pool.ts';
import type { Opener } from '../frame.ts';

export interface CheckParts {
  readonly storage: Storage;
  readonly pool: ThreadPool;
  readonly opener: Opener;
}
