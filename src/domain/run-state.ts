/**
 * The state of a run: what its display, its report, its metrics and its search attribute say, made in this one place.
 * Pure.
 */
import type { JsonValue } from './recovery-point.ts';

/** States without fields of their own, in the order in which a run can meet them. */
const plainStatuses = [
  'starting',
  'planning',
  'locking',
  // of a backup
  'reserving',
  'capturing',
  'sealing',
  'sealed',
  'partial',
  'suspect',
  // of a restore
  'verifying_source',
  'staging',
  'stopping',
  'swapping',
  'starting_services',
  'verifying',
  'committing',
  'committed',
  'undoing',
  'planned',
  'awaiting_approval',
  // of what looks after recovery points
  'copying',
  'replicated',
  'verified',
  'testing',
  'proven',
  'removing',
  'done',
  'rebuilding',
  'rebuilt',
  // of the RPO clocks
  'looking',
  'met',
  'ageing',
  'breached',
  // of what is always on
  'watching',
  'backing_up',
  'archiving',
  'waiting_for_full_backup',
  'unprotected',
  'failing',
  // of every run
  'refused',
  'failed',
  'cancelled',
] as const;

/** What of a run's changes was taken back: all, none because there was none, or not all. */
export type Undone = 'full' | 'none' | 'partial';

export type RunState =
  | { readonly status: (typeof plainStatuses)[number] }
  /** The lock was not to be had. */
  | { readonly status: 'skipped'; readonly holder: string }
  | { readonly status: 'aborted'; readonly undone: Undone };

export type RunStatus = RunState['status'];

/** For reports: `{state: 'aborted', undone: 'full'}`. */
export function reportedState({ status, ...fields }: RunState): Readonly<Record<string, JsonValue>> {
  return { state: status, ...fields };
}

/** What a report says; undefined for one that says no state. */
export function stateOfReport({ state, undone, holder }: Readonly<Record<string, JsonValue>>): RunState | undefined {
  if (state === 'aborted' && (undone === 'full' || undone === 'none' || undone === 'partial'))
    return { status: state, undone };
  if (state === 'skipped') return { status: state, holder: typeof holder === 'string' ? holder : '' };
  const status = plainStatuses.find((each) => each === state);
  return status === undefined ? undefined : { status };
}

const undoneWords: Readonly<Record<Undone, string>> = {
  full: 'everything undone',
  none: 'nothing was changed',
  partial: 'NOT everything undone',
};

/** For people: `verifying source`; `aborted, NOT everything undone`. */
export function stateWords(state: RunState): string {
  if (state.status === 'aborted') return `aborted, ${undoneWords[state.undone]}`;
  return state.status.replaceAll('_', ' ');
}
