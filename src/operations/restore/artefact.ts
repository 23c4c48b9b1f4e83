/** What of a recovery point a restore takes for one component. */
import type { BackupId, ComponentRecord } from '../../domain/recovery-point.ts';
import type { WalTarget } from '../../domain/restore/target.ts';

export interface Artefact {
  readonly backupId: BackupId;
  readonly record: ComponentRecord;
  /** Databases only, for a moment. */
  readonly wal?: WalTarget;
  /** ISO 8601: the state that is brought back. */
  readonly moment: string;
}
