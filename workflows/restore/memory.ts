/** What is known of a restore while it runs: its report and the word to people are made from it, however it ends. */
import type { RestorePlan } from '../../src/domain/restore/types.ts';
import type { PlanOutcome } from '../plan/engine.ts';
import type { RestoreContext } from './request.ts';

export interface RestoreMemory {
  /** Absent until it was made. */
  plan?: RestorePlan;
  /** Absent until the lock was held. */
  context?: RestoreContext;
  /** Absent until the plan ended, either way. */
  outcome?: PlanOutcome;
}
