/** Names of all workflows. `workflows/index.ts` exports each of them; they stand in histories and schedules. */

/** What runs beside the runs of people: locks, deliveries, and what is always on. */
export const backgroundWorkflows = ['configWatch', 'lock', 'notification', 'rpoWatch', 'walArchive'] as const;

/** What people and schedules start, and what is watched. */
export const foregroundWorkflows = [
  'fullBackup',
  'incrementalBackup',
  'criticalBackup',
  'configurationBackup',
  'monitoringBackup',
  'restore',
  'rebuild',
  'verifyBackup',
  'proveBackup',
  'verifyDaily',
  'replicate',
  'retention',
] as const;

export type WorkflowType = (typeof backgroundWorkflows)[number] | (typeof foregroundWorkflows)[number];
