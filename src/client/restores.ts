/** Restores as people and programs ask for them: what is sent, what is in the way, and the plan that a run asks about. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { messageNames } from '../../workflows/message-names.ts';
import type { Appliance } from '../domain/appliance.ts';
import { LifeboatError } from '../domain/errors.ts';
import type { Question } from '../domain/plan/question.ts';
import { isBackupWorkflow } from '../domain/recovery-point.ts';
import { goalFields, type GoalFields } from '../domain/restore/target.ts';
import type { RestorePlan } from '../domain/restore/types.ts';
import type { InputOf } from '../inputs/workflow-inputs.ts';
import { openRuns, snapshot } from './runs.ts';
import type { RunSummary } from './run-summary.ts';

export interface RestoreRequest extends GoalFields {
  readonly at: string;
  /** Location whose copy is read. */
  readonly from?: string;
  readonly components: readonly string[];
  readonly rebuild: readonly string[];
  readonly stopFirst?: boolean;
  readonly replaceDamaged?: boolean;
  readonly keepNew?: boolean;
  readonly disasterAt?: string;
  readonly reason?: string;
  /** Name of the appliance: the run begins at once. Without it the run asks whether its plan is to be carried out. */
  readonly confirm?: string;
  readonly requestedBy: string;
}

/** What a run of `restore` is started with. */
export function restoreInput(request: RestoreRequest): InputOf<'restore'> {
  const { at, from, components, rebuild, reason = '', confirm, requestedBy, disasterAt } = request;
  return {
    at,
    ...(from === undefined ? {} : { from }),
    ...goalFields(request),
    components,
    ...(rebuild.length === 0 ? {} : { rebuild }),
    reason,
    ...(confirm === undefined ? { waitForApproval: true } : { confirm }),
    stopFirst: request.stopFirst ?? false,
    replaceDamaged: request.replaceDamaged ?? false,
    keepNew: request.keepNew ?? false,
    requestedBy,
    ...(disasterAt === undefined ? {} : { disasterAt }),
  };
}

/**
 * LockHeld where another restore runs: the lock holds that too, but a person should know before typing. Gives the backup that a
 * restore would cancel; undefined where there is none.
 */
export async function requireFree(client: Client, appliance: Appliance): Promise<RunSummary | undefined> {
  const open = await openRuns(client, appliance);
  for (const { workflowId } of open.filter(({ type }) => type === 'restore')) {
    // One that only asks about its plan holds nothing.
    if ((await snapshot(client, workflowId)).view?.state.status === 'awaiting_approval') continue;
    throw new LifeboatError('LockHeld', `the appliance is held by ${workflowId}; nothing was started`, {
      hint: `\`lifeboat restore watch ${workflowId}\`, or end it with \`lifeboat restore abort ${workflowId} --reason …\``,
    });
  }
  return open.find(({ type }) => isBackupWorkflow(type));
}

export interface AskedPlan {
  readonly question: Question;
  readonly plan: RestorePlan;
}

const pollMs = 200;

/** Waits until the run asks about its plan; undefined where it ends before, which its result explains. */
export async function awaitPlan(client: Client, workflowId: string, after = 0): Promise<AskedPlan | undefined> {
  for (;;) {
    const { status, view } = await snapshot(client, workflowId);
    if (status !== 'RUNNING') return undefined;
    const question = view?.questions.find(({ id, attempt }) => id === 'plan' && attempt > after);
    if (question !== undefined) {
      const handle = client.workflow.getHandle(workflowId);
      const plan = await handle.query<RestorePlan | null>(messageNames.plan);
      if (plan !== null && plan.hash === question.planHash) return { question, plan };
    }
    // Answered, and not asked again: it goes on.
    else if (
      after > 0 &&
      view !== undefined &&
      view.state.status !== 'planning' &&
      view.state.status !== 'awaiting_approval'
    )
      return undefined;
    await delay(pollMs);
  }
}

/** Whether the run ended aborted, with nothing of what it did left. */
export async function isUndone(client: Client, workflowId: string): Promise<boolean> {
  const { view } = await snapshot(client, workflowId);
  return view?.state.status === 'aborted' && view.state.undone !== 'partial';
}

/** Id of the newest open restore. NotFound. */
export async function openRestore(client: Client, appliance: Appliance): Promise<string> {
  const newest = (await openRuns(client, appliance)).find(({ type }) => type === 'restore');
  if (newest === undefined)
    throw new LifeboatError('NotFound', `no restore of ${appliance.name} is open`, {
      hint: 'the last one: `lifeboat restore show`',
    });
  return newest.workflowId;
}
