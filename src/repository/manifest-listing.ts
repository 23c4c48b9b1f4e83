/** One recovery point as a list of manifests shows it. */
import type { BackupId, Manifest } from '../domain/recovery-point.ts';

export interface ManifestListing {
  readonly timestamp: BackupId;
  readonly key: string;
  readonly manifest?: Manifest;
  readonly problem?: string;
  /** The other appliance whose point it is; absent where it is of the one that the repository was opened for. */
  readonly foreign?: string;
  /** Nothing lies under the key, though it is known that a manifest did. */
  readonly isGone?: boolean;
}
