/** The public workflow types; exported names are type names. workers/wire.ts checks the list at boot. */
export {
  configurationBackup,
  criticalBackup,
  fullBackup,
  incrementalBackup,
  monitoringBackup,
} from './backup/backup.ts';
export { configWatch } from './backup/config-watch.ts';
export { lock } from './run/lock.ts';
export { notification } from './run/notification.ts';
export { proveBackup } from './copies/prove-backup.ts';
export { rebuild } from './restore/rebuild.ts';
export { replicate } from './copies/replicate.ts';
export { retention } from './copies/retention.ts';
export { restore } from './restore/restore.ts';
export { rpoWatch } from './copies/rpo-watch.ts';
export { verifyDaily } from './copies/verify-daily.ts';
export { verifyBackup } from './copies/verify-backup.ts';
export { walArchive } from './backup/wal-archive.ts';
