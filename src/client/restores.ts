/** Restores as people and programs ask for them: what is sent, what is in the way, and the plan that a run asks about. */
import type { Client } from '@temporalio/client';
import { messageNames } from '../../workflows/message-names.ts';
import type { Appliance } from '../domain/appliance.ts';
import { LifeboatError } from '../domain/errors.ts';
import type { Question } from '../domain/plan/question.ts';
import { isBackupWorkflow } from '../domain/recovery-point.ts';
import { goalFields, type GoalFields } from '../domain/restore/target.ts';
import type { RestorePlan } from '../domain/restore/types.ts';
import type { Undone } from '../domain/run-state.ts';
import type { InputOf } from '../inputs/workflow-inputs.ts';
import { openRuns, snapshot, type RunSnapshot } from './runs.ts';
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
    if (isBeforeItsGate(await snapshot(client, workflowId))) continue;
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

/** One that plans, or asks about its plan, holds nothing and changes nothing. Without a live worker nobody knows. */
function isBeforeItsGate({ view }: RunSnapshot): boolean {
  return view !== undefined && ['starting', 'planning', 'awaiting_approval'].includes(view.state.status);
}

/** What the run asks about its plan, after so many attempts; `over` where it asks nothing any more, undefined until it does. */
export async function askedPlan(client: Client, run: RunSnapshot, after = 0): Promise<AskedPlan | 'over' | undefined> {
  const { workflowId, status, view } = run;
  if (status !== 'RUNNING') return 'over';
  const question = view?.questions.find(({ id, attempt }) => id === 'plan' && attempt > after);
  if (question === undefined) return view === undefined || isBeforeItsGate(run) ? undefined : 'over';
  const plan = await client.workflow.getHandle(workflowId).query<RestorePlan | null>(messageNames.plan);
  return plan === null || plan.hash !== question.planHash ? undefined : { question, plan };
}

/** What was taken back of a run that ended aborted; undefined for any other. */
export async function undoneOf(client: Client, workflowId: string): Promise<Undone | undefined> {
  const { view } = await snapshot(client, workflowId);
  return view?.state.status === 'aborted' ? view.state.undone : undefined;
}

/**
 * Id of the restore that is open: the one that acts, not one that only asks about its plan. NotFound without one, Precondition
 * where nobody can say which is meant.
 */
export async function openRestore(client: Client, appliance: Appliance): Promise<string> {
  const meant = await meantRestores(client, await openRuns(client, appliance));
  const [id] = meant;
  if (id === undefined)
    throw new LifeboatError('NotFound', `no restore of ${appliance.name} is open`, {
      hint: 'the last one: `lifeboat restore show`',
    });
  if (meant.length > 1)
    throw new LifeboatError(
      'Precondition',
      `${meant.length} restores of ${appliance.name} are open: ${meant.join(', ')}`,
      {
        hint: 'name the one that is meant',
      },
    );
  return id;
}

/** Those that act; where there are none, those that plan or ask. Newest first. */
async function meantRestores(client: Client, open: readonly RunSummary[]): Promise<readonly string[]> {
  const ids = open.filter(({ type }) => type === 'restore').map(({ workflowId }) => workflowId);
  if (ids.length < 2) return ids;
  const runs = await Promise.all(ids.map(async (id) => snapshot(client, id)));
  const acting = runs.filter((run) => !isBeforeItsGate(run)).map(({ workflowId }) => workflowId);
  return acting.length > 0 ? acting : ids;
}

/** Id of the newest open restore, one that acts first, else of the newest open run. NotFound. */
export async function newestOpenRun(client: Client, appliance: Appliance): Promise<string> {
  const open = await openRuns(client, appliance);
  const [restore] = await meantRestores(client, open);
  const id = restore ?? open[0]?.workflowId;
  if (id === undefined)
    throw new LifeboatError('NotFound', `no run of ${appliance.name} is open`, {
      hint: 'the last restore: `lifeboat restore show`',
    });
  return id;
}
