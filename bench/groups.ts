/** The groups of rows that `--only` names. */

export const groups = [
  'first-backup',
  'second-backup',
  'restore',
  'verify',
  'replication',
  'go-live',
  'incremental',
  'pitr',
  'exposure',
  'workflow',
  'startup',
  'restore-script',
  'many-files',
] as const;

export type Group = (typeof groups)[number];
