/**
 * Runs a plan. It knows order, slots, pause, gates, decisions, retries, undo and the pivot; it knows no kind of step.
 *
 * Every step runs as soon as what it comes after has ended, at most `parallelSteps` at once. Its undo is registered before it
 * acts. The first failure that unwinds cancels what runs; then every registered undo runs, in reverse order and once, and one
 * that fails stops no other. When all steps before the pivot have ended nothing is undone any more: failures are told.
 *
 * A changed engine raises the version of plans: they stand in histories.
 */
import { ApplicationFailure, CancellationScope, condition, isCancellation } from '@temporalio/workflow';
import type { Plan, Step } from '../../src/domain/plan/plan.ts';
import type { Answer } from '../../src/domain/plan/question.ts';
import type { Undone } from '../../src/domain/run-state.ts';
import { topologicalOrder } from '../../src/domain/replayed.ts';
import type { RunControl } from '../run/control.ts';
import type { RunDisplay } from '../run/display.ts';
import { rootMessage } from '../run/failure.ts';
import type { Actions } from './actions.ts';

/** Two cores: more byte movers at once only wait for each other; stops and starts are waits anyway. */
const defaultParallelSteps = 6;

/** After this a failed step that nobody decides about is undone with all others. */
const decisionSeconds = 30 * 60;

export interface PlanRun<S extends Step, C> {
  readonly plan: Plan<S>;
  readonly actions: Actions<S, C>;
  /** Handed to every action. */
  readonly context: C;
  readonly display: RunDisplay;
  readonly control: RunControl;
  /** Called when a step begins. */
  readonly onStep?: (step: S) => void;
  /** Called before the first undo. */
  readonly onUnwind?: () => void;
  /** 6 by default. */
  readonly parallelSteps?: number;
}

export type PlanOutcome =
  /** The pivot was passed. `failures`: steps that were to go on, and all that failed after it, `subject: message`. */
  | { readonly kind: 'done'; readonly failures: readonly string[] }
  /** `failure` is the first one; `notUndone` says what could not be taken back. */
  | {
      readonly kind: 'unwound';
      readonly failure: unknown;
      readonly undone: Undone;
      readonly notUndone: readonly string[];
    };

export async function runPlan<S extends Step, C>(run: PlanRun<S, C>): Promise<PlanOutcome> {
  return new Engine(run).execute();
}

class Engine<S extends Step, C> {
  readonly #run: PlanRun<S, C>;
  readonly #begun: S[] = [];
  readonly #failed = new Set<string>();
  readonly #failures: string[] = [];
  #slots: number;

  constructor(run: PlanRun<S, C>) {
    this.#run = run;
    this.#slots = run.parallelSteps ?? defaultParallelSteps;
  }

  async execute(): Promise<PlanOutcome> {
    const { plan, control, onUnwind } = this.#run;
    try {
      await this.#phase(plan.steps.filter(({ phase }) => phase === 'before-pivot'));
      await control.passPivot();
    } catch (failure) {
      onUnwind?.();
      return CancellationScope.nonCancellable(async () => {
        const hadBegun = this.#begun.length > 0;
        const notUndone = await this.#undo();
        const undone = notUndone.length > 0 ? 'partial' : hadBegun ? 'full' : 'none';
        return { kind: 'unwound', failure, undone, notUndone };
      });
    }
    return CancellationScope.nonCancellable(async () => {
      await this.#phase(plan.steps.filter(({ phase }) => phase === 'after-pivot'));
      return { kind: 'done', failures: this.#failures };
    });
  }

  /** All steps, or the first failure after everything that ran has ended. */
  async #phase(steps: readonly S[]): Promise<void> {
    const byId = new Map(steps.map((step) => [step.id, step]));
    const results = new Map<string, Promise<void>>();
    let failure: { readonly error: unknown } | undefined;
    const scope = new CancellationScope();
    await scope.run(async () => {
      // What a step comes after stands in the map before it.
      for (const id of topologicalOrder(steps)) {
        const step = byId.get(id);
        if (step === undefined) continue;
        const result = this.#follow(step, results);
        result.catch((error: unknown) => {
          if (failure !== undefined) return;
          failure = { error };
          scope.cancel();
        });
        results.set(id, result);
      }
      await Promise.allSettled(results.values());
    });
    if (failure !== undefined) throw failure.error;
  }

  async #follow(step: S, results: ReadonlyMap<string, Promise<void>>): Promise<void> {
    await Promise.all(step.after.flatMap((id) => results.get(id) ?? []));
    if (!(await this.#passGate(step))) return;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#begin(step);
      } catch (error) {
        if (isCancellation(error)) throw error;
        if ((await this.#afterFailure(step, attempt, error)) === 'go-on') return;
      }
    }
  }

  async #begin(step: S): Promise<void> {
    const { actions, context, display, onStep } = this.#run;
    await this.#takeSlot();
    display.step(step.id, 'running');
    onStep?.(step);
    const action = actions[step.kind as S['kind']];
    if (action.undo !== undefined && !this.#begun.includes(step)) this.#begun.push(step);
    try {
      display.step(step.id, 'done', await action.act(step, context));
      this.#failed.delete(step.id);
    } catch (error) {
      if (!isCancellation(error)) this.#failed.add(step.id);
      const [state, note] = isCancellation(error)
        ? (['cancelled', ''] as const)
        : (['failed', rootMessage(error)] as const);
      display.step(step.id, state, note.slice(0, 200));
      throw error;
    } finally {
      this.#slots += 1;
    }
  }

  /** Several steps may be woken by one free slot: each looks again before it takes it. */
  async #takeSlot(): Promise<void> {
    const mayBegin = (): boolean => this.#slots > 0 && !this.#run.control.isPaused;
    do await condition(mayBegin);
    while (!mayBegin());
    this.#slots -= 1;
  }

  /** Throws where all is to be undone. */
  async #afterFailure(step: S, attempt: number, error: unknown): Promise<'again' | 'go-on'> {
    const { display } = this.#run;
    if (step.onFailure === 'ask') {
      const { choice, by, reason } = await this.#decide(step, attempt, error);
      if (choice === 'retry') return 'again';
      if (choice === 'skip') {
        display.step(step.id, 'skipped', `skipped by ${by}: ${reason}`);
        return 'go-on';
      }
    }
    if (step.phase === 'before-pivot' && step.onFailure !== 'continue') throw error;
    this.#record(step, error);
    return 'go-on';
  }

  #record({ id, subject }: S, error: unknown): void {
    const text = `${subject === '' ? id : subject}: ${rootMessage(error)}`;
    this.#failures.push(text);
    this.#run.display.note(text);
  }

  async #decide(step: S, attempt: number, error: unknown): Promise<Answer> {
    const { plan, control } = this.#run;
    return control.ask({
      id: step.id,
      attempt,
      planHash: plan.hash,
      text: `${step.id} failed: ${rootMessage(error)}`.slice(0, 500),
      choices: ['retry', 'skip', 'abort'],
      deadlineSeconds: decisionSeconds,
      byDefault: 'abort',
    });
  }

  /** Whether the step may begin. A rejection undoes all; behind the pivot, where nothing is undone, the step is left out and told. */
  async #passGate(step: S): Promise<boolean> {
    const { plan, control, display } = this.#run;
    if (step.gate === undefined) return true;
    const { question, deadlineSeconds, byDefault } = step.gate;
    const { choice, by, reason } = await control.ask({
      id: step.id,
      attempt: 1,
      planHash: plan.hash,
      text: question,
      choices: ['approve', 'reject'],
      deadlineSeconds,
      byDefault,
    });
    if (choice === 'approve') return true;
    const why = `rejected by ${by}${reason === '' ? '' : `: ${reason}`}`;
    const rejected = ApplicationFailure.nonRetryable(`${step.id} was not approved: ${why}`, 'Aborted');
    if (step.phase === 'before-pivot') throw rejected;
    display.step(step.id, 'skipped', why.slice(0, 200));
    this.#record(step, rejected);
    return false;
  }

  /** Every undo, the last one begun first. Returns what could not be taken back. */
  async #undo(): Promise<string[]> {
    const { actions, context, display } = this.#run;
    const failures: string[] = [];
    for (const step of this.#begun.toReversed()) {
      try {
        await actions[step.kind as S['kind']].undo?.(step, context);
        // What failed stays seen as that, with its reason.
        if (!this.#failed.has(step.id)) display.step(step.id, 'undone');
      } catch (error) {
        const text = `${step.id}: ${rootMessage(error)}`;
        failures.push(text);
        display.note(`not undone: ${text}`);
      }
    }
    return failures;
  }
}
