/**
 * The input of every workflow: the one list from which it is checked, documented (docs/workflow-inputs.md) and started by the
 * command line. Keys of schedules that exist, of runs that are open and of what a run hands to itself stay known.
 */
import type { z } from 'zod';
import { textInputs } from '../domain/text-inputs.ts';
import type { WorkflowType } from '../domain/workflow-types.ts';
import { backup, configWatch, walArchive } from './backup-inputs.ts';
import { rebuild, restore } from './restore-inputs.ts';
import { textSchema } from './text-schemas.ts';
import { proveBackup, replicate, retention, rpoWatch, verifyBackup, verifyDaily } from './upkeep-inputs.ts';

/** Names for examples: those of the appliance where it is known. */
export interface ExampleNames {
  readonly appliance: string;
  readonly component: string;
  readonly database: string;
  readonly vectorstore: string;
  readonly location: string;
}

export interface WorkflowInput {
  /** What the workflow does. */
  readonly about: string;
  /** The schema of one plain object in which every field may be absent. */
  readonly schema: z.ZodObject;
  readonly example: (names: ExampleNames) => object;
}

const some = ({ component }: ExampleNames): object => ({ components: [component] });

export const workflowInputs = {
  fullBackup: { about: 'captures everything and seals a recovery point', schema: backup, example: some },
  incrementalBackup: {
    about: 'captures everything, databases as archived WAL on their last base',
    schema: backup,
    example: some,
  },
  criticalBackup: {
    about: 'captures the components of the tier `critical`, databases as archived WAL',
    schema: backup,
    example: some,
  },
  configurationBackup: {
    about: 'captures the components of the tier `configuration`',
    schema: backup,
    example: some,
  },
  monitoringBackup: { about: 'captures the components of the tier `monitoring`', schema: backup, example: some },
  restore: {
    about: 'plans a restore and, with `confirm`, carries it out',
    schema: restore,
    // Without `confirm`: an example may be sent as it is, and then changes nothing.
    example: ({ component }) => ({ at: 'latest', components: [component], reason: 'a disk died' }),
  },
  rebuild: {
    about: 'lets the application build vector stores anew',
    schema: rebuild,
    example: ({ appliance, vectorstore }) => ({ components: [vectorstore], confirm: appliance }),
  },
  verifyBackup: {
    about: 'reads a stored recovery point again: every object (L1) and every structure (L3)',
    schema: verifyBackup,
    example: ({ component }) => ({ at: 'newest', components: [component] }),
  },
  proveBackup: {
    about: 'restores a recovery point beside the live data, opens it in private, and removes it again (L4)',
    schema: proveBackup,
    example: ({ component }) => ({ at: 'latest', components: [component] }),
  },
  verifyDaily: {
    about: 'verifies the newest recovery point of every place, and a share of everything else',
    schema: verifyDaily,
    example: () => ({ requestedBy: 'ann' }),
  },
  replicate: {
    about: 'brings locations up to date with the repository',
    schema: replicate,
    example: ({ location }) => ({ location }),
  },
  retention: {
    about: 'shows what has had its time and, with `apply`, removes it',
    schema: retention,
    example: () => ({ place: 'repository' }),
  },
  rpoWatch: {
    about: 'compares the age of what can be restored with its objective',
    schema: rpoWatch,
    example: () => ({ requestedBy: 'ann' }),
  },
  walArchive: {
    about: 'archives the WAL of one database; always on, started by the worker',
    schema: walArchive,
    example: ({ database }) => ({ component: database }),
  },
  configWatch: {
    about: 'starts a configuration backup when something changed; always on, started by the worker',
    schema: configWatch,
    example: () => ({}),
  },
  lock: {
    about: 'holds the appliance for the run that started it',
    schema: textSchema('lock'),
    example: () => textInputs.lock.example,
  },
  notification: {
    about: 'delivers one message, trying until it is delivered',
    schema: textSchema('notification'),
    example: () => textInputs.notification.example,
  },
} as const satisfies Readonly<Record<WorkflowType, WorkflowInput>>;

type Given<T> = { readonly [K in keyof T]: T[K] extends string[] | undefined ? readonly string[] : T[K] };

/** What a workflow takes; every field may be absent. */
export type InputOf<T extends WorkflowType> = Given<z.input<(typeof workflowInputs)[T]['schema']>>;
