/** Refuses a run whose date the storage cannot have. */
import { formatDuration } from '../../domain/duration.ts';
import { LifeboatError } from '../../domain/errors.ts';

/** Further ahead no clocks of hosts that work are apart. */
const maxAheadSeconds = 3600;

/** Precondition for a run by whose date its point would be the newest until that date, whatever is sealed after it. */
export function requireClock(at: Date, storageNow: Date): void {
  const ahead = (at.getTime() - storageNow.getTime()) / 1000;
  if (ahead <= maxAheadSeconds) return;
  throw new LifeboatError(
    'Precondition',
    `this run is dated ${at.toISOString().slice(0, 19)}Z, ${formatDuration(ahead)} ahead of the storage's clock; no recovery point was begun`,
    { hint: 'set the clocks of the hosts of Temporal and of the storage (`timedatectl`), then run the backup again' },
  );
}
