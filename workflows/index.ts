/** The public workflow types; exported names are type names. workers/wire.ts checks the list at boot. */
export { configurationBackup, criticalBackup, fullBackup, incrementalBackup, monitoringBackup } from './backup.ts';
export { configWatch } from './config-watch.ts';
export { lock } from './lock.ts';
export { notification } from './notification.ts';
export { proveBackup } from './prove-backup.ts';
export { rebuild } from './rebuild.ts';
export { replicate } from './replicate.ts';
export { retention } from './retention.ts';
export { restore } from './restore.ts';
export { rpoWatch } from './rpo-watch.ts';
export { verifyDaily } from './verify-daily.ts';
export { verifyBackup } from './verify-backup.ts';
export { walArchive } from './wal-archive.ts';
