/** What the activities need beside the parts: Temporal's client, the log, the metrics. */
import type { Client } from '@temporalio/client';
import type { Logger } from 'pino';
import type { Dependencies, RunObserver } from '../activities/dependencies.ts';
import { ensureContinuousRuns } from '../src/client/continuous-runs.ts';
import { dueTimes } from '../src/client/temporal/due-times.ts';
import type { Parts } from './parts.ts';

export interface ActivityParts {
  readonly client: Client;
  /** False where the search attributes could not be registered. */
  readonly searchable: boolean;
  /** As in Dependencies. */
  readonly stopping: AbortSignal;
  readonly log: Logger;
  readonly observer: RunObserver;
}

export function wireActivities(parts: Parts, more: ActivityParts): Dependencies {
  return {
    ...parts,
    ...more,
    dueTimes: (scheduleId, from, until) => dueTimes(more.client, scheduleId, from, until),
    keepContinuousRuns: async () => ensureContinuousRuns(more.client, parts.appliance, more.log),
  };
}
