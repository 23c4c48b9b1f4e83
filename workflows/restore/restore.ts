/**
 * A restore:
 *  1. find the recovery point (or what the last restore replaced), ask each driver about its target, plan;
 *  2. without `confirm` end here (`planned`), or wait until somebody approves this very plan: no lock is held meanwhile;
 *  3. take the appliance lock: a backup, retention or drill that holds it is cancelled, another restore is not;
 *  4. start the RTO clock, an observer that marks 50, 80 and 100 %;
 *  5. run the plan: verify, stage and validate beside the live data, stop, swap, start the engines, probe, start the
 *     rest, health; all proven → commit; anything failed → undo everything in reverse order;
 *  6. after a commit a full backup starts, and what the application is to build anew.
 */
import { ApplicationFailure, CancellationScope, isCancellation, setHandler, workflowInfo } from '@temporalio/workflow';
import type { ApplianceView } from '../../activities/control.ts';
import type { ProbeResult } from '../../src/domain/recovery-point.ts';
import type { PlanStep, RestorePlan } from '../../src/domain/restore/types.ts';
import type { RunState, RunStatus } from '../../src/domain/run-state.ts';
import { isProven, stateWords } from '../../src/domain/replayed.ts';
import { planQuery, type Given, type RestoreInput, type RestoreResult } from '../messages.ts';
import { runPlan } from '../plan/engine.ts';
import { priority, storage } from '../proxies.ts';
import { watchRto } from '../run/clock.ts';
import { RunControl } from '../run/control.ts';
import { RunDisplay } from '../run/display.ts';
import { rootCode } from '../run/failure.ts';
import { requireLock } from '../run/lock.ts';
import { notify } from '../run/notification.ts';
import { runProcedure, type Run } from '../run/run.ts';
import { restoreActions } from './actions.ts';
import { approvedSource } from './approval.ts';
import { startFollowUps } from './follow-ups.ts';
import type { RestoreMemory } from './memory.ts';
import { restoreMessages, restoreReport } from './report.ts';
import { newContext } from './request.ts';
import { copyOf, showPlan, sourceOf, type RestoreSource } from './source.ts';

/** A cancelled backup ends within its heartbeat (2 s) plus clean-up; a minute is generous. */
const lockWaitSeconds = 60;

/** Types of runs that change live data for a person: a restore waits for them, or ends. */
const neverCancelled: readonly string[] = ['restore', 'emergencyRollback'];

const statusOfStep: Readonly<Record<PlanStep['kind'], Exclude<RunStatus, 'skipped' | 'aborted'>>> = {
  verify: 'verifying_source',
  stage: 'staging',
  validate: 'staging',
  stop: 'stopping',
  finish: 'stopping',
  swap: 'swapping',
  'put-back': 'swapping',
  start: 'starting_services',
  health: 'verifying',
  probe: 'verifying',
  commit: 'committing',
  remove: 'committing',
};

export async function restore(...given: Given<RestoreInput>): Promise<RestoreResult> {
  const display = new RunDisplay();
  const control = new RunControl(display);
  const memory: RestoreMemory = {};
  setHandler(planQuery, () => memory.plan ?? null, { description: 'The plan that the run has made last.' });
  return runProcedure<RestoreInput, RestoreResult>(
    given,
    {
      body: async (run) => {
        try {
          return await control.scope.run(async () => restoreIn(run, control, memory));
        } catch (error) {
          throw isCancellation(error) ? aborted(control, memory) : error;
        }
      },
      stateOf: (error) => stateOf(error, memory),
      tell: (ended) => restoreMessages(ended, memory),
      follow: async ({ appliance, display: shown, result }) =>
        result?.state === 'committed' ? startFollowUps(appliance.name, shown, result) : result,
      evidence: (ended) => restoreReport(ended, memory),
    },
    display,
  );
}

async function restoreIn(run: Run<RestoreInput>, control: RunControl, memory: RestoreMemory): Promise<RestoreResult> {
  const { appliance, input, display } = run;
  display.state({ status: 'planning' });
  const planned = await sourceOf(appliance, input, display);
  showPlan(display, planned.plan);
  memory.plan = planned.plan;
  control.tell = async (message) => notify(appliance.name, message);
  const source = await approvedSource(run, control, planned, memory);
  if (source === undefined) {
    display.state({ status: 'planned' });
    return resultOf(run, 'planned', memory);
  }
  memory.plan = source.plan;
  await adopt(appliance, input, source, display);
  const lock = await requireLock(run, {
    scope: 'all',
    purpose: 'restore',
    waitSeconds: lockWaitSeconds,
    mayCancel: ({ type }) => !neverCancelled.includes(type),
  });
  startClock(run);
  memory.context = newContext({
    ...source,
    copy: copyOf(input),
    lockSince: lock.since,
    runId: workflowInfo().runId,
    priority: priority.restore,
    display,
  });
  memory.outcome = await runPlan({
    plan: source.plan,
    actions: restoreActions,
    context: memory.context,
    display,
    control,
    onStep: ({ kind }) => display.state({ status: statusOfStep[kind] }),
    onUnwind: () => display.state({ status: 'undoing' }),
  });
  if (memory.outcome.kind === 'unwound') throw memory.outcome.failure;
  display.state({ status: 'committed' });
  return resultOf(run, 'committed', memory);
}

/** The repository may be lost with the host; evidence and the next backup need one. */
async function adopt(
  { host }: ApplianceView,
  input: RestoreInput,
  { repositoryId }: RestoreSource,
  display: RunDisplay,
): Promise<void> {
  const { location } = copyOf(input);
  if (location === undefined) return;
  const { adopted } = await storage(host, {
    id: 'adopt:repository',
    summary: `continue the repository from ${location}`,
    priority: priority.restore,
  }).reseedRepository({ location, repositoryId });
  if (adopted) display.note(`the repository was gone; it was begun anew from ${location}`);
}

function startClock({ appliance, input, began, display, onEnd }: Run<RestoreInput>): void {
  const disaster = Date.parse(input.disasterAt ?? '');
  const isWhole = (input.components ?? []).length === 0;
  const scope = new CancellationScope({ cancellable: true });
  const clock = {
    began: Number.isNaN(disaster) ? began : disaster,
    objectiveSeconds: isWhole ? appliance.rtoSeconds.full : appliance.rtoSeconds.critical,
    appliance: appliance.name,
  };
  void scope.run(async () => watchRto(clock, display)).catch(() => undefined);
  onEnd(async () => scope.cancel());
}

/** One that somebody stops before it holds the appliance is aborted as well; one that fails there has nothing to take back. */
function stateOf(error: unknown, memory: RestoreMemory): RunState {
  if (memory.context === undefined && rootCode(error) !== 'Aborted') return { status: 'failed' };
  return abortedState(memory);
}

function abortedState({ outcome }: RestoreMemory): RunState {
  return { status: 'aborted', undone: outcome?.kind === 'unwound' ? outcome.undone : 'none' };
}

function aborted(control: RunControl, memory: RestoreMemory): ApplicationFailure {
  const why = control.aborted ?? 'the run was cancelled';
  return ApplicationFailure.nonRetryable(`${stateWords(abortedState(memory))}: ${why}`, 'Aborted');
}

function resultOf(
  { display, began }: Run<RestoreInput>,
  state: RestoreResult['state'],
  { plan, context }: RestoreMemory,
): RestoreResult {
  if (plan === undefined) throw ApplicationFailure.nonRetryable('the restore ended without a plan', 'Internal');
  const probes = context?.probes ?? [];
  return {
    state,
    id: display.view().subject,
    seconds: (Date.now() - began) / 1000,
    steps: display.steps(),
    probes,
    ...(state === 'committed' && plan.undoes === undefined ? { unproven: unprovenOf(plan, probes) } : {}),
    safetyCopies: context?.safetyCopies ?? [],
    rtoBreached: display.breached,
    plan,
    backupWorkflowId: '',
  };
}

/** The components that went live and of whose content nothing was compared. */
function unprovenOf({ components: live }: RestorePlan, probes: readonly ProbeResult[]): string[] {
  return live.map(({ id }) => id).filter((id) => !isProven(probes.filter(({ component }) => component === id)));
}
