/** A plan made for the test, run by the real engine: its steps only write down that they were begun and undone. */
import { ApplicationFailure, sleep } from '@temporalio/workflow';
import type { FailurePolicy, Gate, Step } from '../../../src/domain/plan/plan.ts';
import type { Actions } from '../../../workflows/plan/actions.ts';
import { runPlan, type PlanOutcome } from '../../../workflows/plan/engine.ts';
import { RunControl } from '../../../workflows/run/control.ts';
import { RunDisplay } from '../../../workflows/run/display.ts';

export interface TinyStep {
  readonly id: string;
  readonly after: readonly string[];
  readonly phase: Step['phase'];
  readonly onFailure: FailurePolicy;
  readonly gate?: Gate;
  /** How often it fails before it succeeds; 0 never. */
  readonly failures: number;
  readonly undoFails: boolean;
  /** A step without an undo has nothing to take back. */
  readonly hasUndo: boolean;
}

export interface TinyResult {
  readonly outcome: Omit<Extract<PlanOutcome, { kind: 'unwound' }>, 'failure'> | Extract<PlanOutcome, { kind: 'done' }>;
  /** `act a`, `done a`, `undo a`, in the order in which it happened. */
  readonly log: readonly string[];
}

type Kind = 'with-undo' | 'without-undo';

export async function tinyPlan(steps: readonly TinyStep[], parallelSteps: number): Promise<TinyResult> {
  const display = new RunDisplay();
  const control = new RunControl(display);
  const log: string[] = [];
  const left = new Map(steps.map(({ id, failures }) => [id, failures]));
  const undoFails = new Set(steps.filter((step) => step.undoFails).map(({ id }) => id));
  const act = async ({ id }: Step): Promise<string> => {
    log.push(`act ${id}`);
    await sleep(1);
    const failures = left.get(id) ?? 0;
    left.set(id, failures - 1);
    if (failures > 0) throw ApplicationFailure.nonRetryable(`${id} was made to fail`, 'Precondition');
    log.push(`done ${id}`);
    return '';
  };
  const undo = async ({ id }: Step): Promise<void> => {
    log.push(`undo ${id}`);
    if (undoFails.has(id)) throw ApplicationFailure.nonRetryable(`${id} cannot be undone`, 'Precondition');
  };
  const actions: Actions<Step<Kind>, undefined> = { 'with-undo': { act, undo }, 'without-undo': { act } };
  display.declare(steps.map(({ id }) => id));
  const outcome = await control.scope.run(async () =>
    runPlan({
      plan: { version: 1, appliance: 'tiny', hash: 'h1', steps: steps.map(stepOf) },
      actions,
      context: undefined,
      display,
      control,
      parallelSteps,
    }),
  );
  if (outcome.kind === 'done') return { outcome, log };
  const { failure: _failure, ...rest } = outcome;
  return { outcome: rest, log };
}

function stepOf({ id, after, phase, onFailure, gate, hasUndo }: TinyStep): Step<Kind> {
  return {
    id,
    kind: hasUndo ? 'with-undo' : 'without-undo',
    subject: id,
    queue: { role: 'files', host: 'main' },
    after,
    phase,
    onFailure,
    ...(gate === undefined ? {} : { gate }),
    estimateSeconds: 1,
  };
}
