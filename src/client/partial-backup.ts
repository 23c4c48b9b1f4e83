/** `BackupPartial` is the one outcome that is no error of the catalogue: the point exists and lacks something. */
export class PartialBackup extends Error {
  override readonly name = 'BackupPartial';
}
