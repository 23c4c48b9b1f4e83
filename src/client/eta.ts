/** How long a run still takes, from its plan and from what its running steps tell: bytes, once a rate means something. Pure. */
import type { StepReport } from '../../workflows/messages.ts';
import type { PendingStep } from './temporal/pending-activity.ts';
import type { RunSnapshot } from './runs.ts';

/** Seconds until the run's end by its longest chain of steps; undefined without a plan, while it is paused and while undoing. */
export function remainingSeconds({ view, pending, status }: RunSnapshot, now: Date): number | undefined {
  if (
    view === undefined ||
    view.plan.length === 0 ||
    view.paused ||
    view.state.status === 'undoing' ||
    status !== 'RUNNING'
  )
    return undefined;
  const reports = new Map(view.steps.map((step) => [step.id, step]));
  const known = new Map<string, number>();
  const estimates = new Map(view.plan.map((step) => [step.id, step]));
  const until = (id: string): number => {
    const step = estimates.get(id);
    if (step === undefined) return 0;
    const memo = known.get(id);
    if (memo !== undefined) return memo;
    const own = stepSeconds(step.estimateSeconds, reports.get(id), pendingOf(pending, id), now);
    const value = own + Math.max(0, ...step.after.map(until));
    known.set(id, value);
    return value;
  };
  return Math.max(0, ...view.plan.map(({ id }) => until(id)));
}

/** The activity that does a step has the step's id. */
export function pendingOf(pending: readonly PendingStep[], id: string): PendingStep | undefined {
  return pending.find((each) => each.id === id);
}

/** What the run does that is no step of its plan: it finds, plans, waits for a lock, writes evidence. */
export function outsideSteps({ view, pending }: Pick<RunSnapshot, 'view' | 'pending'>): readonly PendingStep[] {
  const steps = new Set(view?.steps.map(({ id }) => id));
  return pending.filter(({ id }) => !steps.has(id));
}

/** A running step that is over its estimate is taken for nearly done: nothing better is known. */
const nearlyDoneSeconds = 1;

function stepSeconds(
  estimate: number,
  report: StepReport | undefined,
  live: PendingStep | undefined,
  now: Date,
): number {
  if (report === undefined || report.state === 'waiting') return estimate;
  if (report.state !== 'running') return 0;
  const told = live?.beat === undefined ? undefined : etaSeconds(live.beat);
  if (told !== undefined) return told;
  return Math.max(nearlyDoneSeconds, estimate - runningSeconds(report, now));
}

/** The run itself learns the time only when something happens in it: a running step's age is counted here. */
export function runningSeconds({ state, seconds, startedAt }: StepReport, now: Date): number {
  return state === 'running' && startedAt !== undefined
    ? Math.max(0, (now.getTime() - Date.parse(startedAt)) / 1000)
    : seconds;
}

export interface Moved {
  readonly bytesDone: number;
  /** 0 while unknown. */
  readonly bytesTotal: number;
  /** Mean over the attempt. */
  readonly bytesPerSecond: number;
}

/** Before this the mean is that of a beginning: connections, indexes, a first small file. */
const steadySeconds = 5;
const steadyPart = 0.01;
const firstRateSeconds = 1;

/** Bytes per second; undefined in the first second and while nothing moved. */
export function rateOf(moved: Moved): number | undefined {
  return movingSeconds(moved) >= firstRateSeconds ? moved.bytesPerSecond : undefined;
}

/** Seconds to go; undefined before 5 s and 1 % of the bytes, and where the total is not known. */
export function etaSeconds(moved: Moved): number | undefined {
  const { bytesDone, bytesTotal, bytesPerSecond } = moved;
  if (bytesTotal <= 0 || bytesDone < bytesTotal * steadyPart || movingSeconds(moved) < steadySeconds) return undefined;
  return Math.max(0, bytesTotal - bytesDone) / bytesPerSecond;
}

function movingSeconds({ bytesDone, bytesPerSecond }: Moved): number {
  return bytesPerSecond <= 0 ? 0 : bytesDone / bytesPerSecond;
}
