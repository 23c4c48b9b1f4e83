/** A plan made for the test, run by the real engine: its steps only write down that they were begun and undone. */
import { ApplicationFailure, CancellationScope, isCancellation, sleep } from '@temporalio/workflow';
import type { FailurePolicy, Gate, Step } from '../../../src/domain/plan/plan.ts';
import type { Answer, Choice } from '../../../src/domain/plan/question.ts';
import type { Actions } from '../../../workflows/plan/actions.ts';
import { runPlan, type PlanOutcome } from '../../../workflows/plan/engine.ts';
import { RunControl, type Asked } from '../../../workflows/run/control.ts';
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
  /** Milliseconds that it takes. */
  readonly takes: number;
  /** A cancellation does not end it before its time. */
  readonly isLateHeeding: boolean;
}

/** What happens while the plan runs, without anybody outside. */
export interface Script {
  /** By step, the answer at its gate; one without waits for somebody, or for its deadline. */
  readonly gates: Readonly<Record<string, Choice>>;
  /** By step, the answer after each failed attempt. */
  readonly failures: Readonly<Record<string, readonly Choice[]>>;
  /** `steer` happens when this step begins first. */
  readonly at?: string;
  /** A pause ends after some steps' time, by a resume or by an abort; by a resume where it is too late for an abort. */
  readonly steer?: 'abort' | 'pause-resume' | 'pause-abort';
  /** Everything was down when the first deadline passed: the clock is so many seconds further then. */
  readonly downSeconds?: number;
}

export interface TinyPlan {
  readonly steps: readonly TinyStep[];
  readonly parallelSteps: number;
  readonly script: Script;
}

export interface TinyResult {
  readonly outcome: Omit<Extract<PlanOutcome, { kind: 'unwound' }>, 'failure'> | Extract<PlanOutcome, { kind: 'done' }>;
  /**
   * In the order in which it happened, with the time in ms: `act a`, then `done a`, `failed a` or `cancelled a`; `asked a`,
   * `answered a approve`; `pause`, `resume`, `abort`; `undo a`.
   */
  readonly log: readonly (readonly [what: string, at: number])[];
}

type Kind = 'with-undo' | 'without-undo';

/** Longer than a step takes: the last one before the pivot ends in the pause. */
const steerMs = 1500;

/** Answers by the script, through the very methods that the updates call. */
class ScriptedControl extends RunControl {
  readonly #script: Script;
  readonly #log: (what: string) => void;
  #isSteered = false;
  #aheadMs = 0;

  constructor(display: RunDisplay, script: Script, log: (what: string) => void) {
    super(display);
    this.#script = script;
    this.#log = log;
  }

  override async ask(asked: Asked): Promise<Answer> {
    this.#log(`asked ${asked.id}`);
    const asking = super.ask(asked);
    const { downSeconds = 0 } = this.#script;
    if (downSeconds > 0) void sleep(1).then(() => (this.#aheadMs = downSeconds * 1000));
    const { gates, failures } = this.#script;
    const choice = asked.choices.includes('approve') ? gates[asked.id] : failures[asked.id]?.[asked.attempt - 1];
    if (choice !== undefined) {
      const { id: question, planHash } = asked;
      const answer = { question, attempt: String(asked.attempt), planHash, choice, by: 'ann', reason: 'drawn' };
      if (this.answerProblem(answer) === undefined) this.decide(answer);
    }
    const answer = await asking;
    this.#log(`answered ${asked.id} ${answer.choice}`);
    return answer;
  }

  protected override now(): number {
    return super.now() + this.#aheadMs;
  }

  /** A step that is tried again steers nothing more. */
  async steer(): Promise<void> {
    const { steer } = this.#script;
    if (steer === undefined || this.#isSteered) return;
    this.#isSteered = true;
    if (steer !== 'abort') {
      this.#log('pause');
      this.pause({});
      await sleep(steerMs);
    }
    const isAborted = steer !== 'pause-resume' && this.abortProblem() === undefined;
    this.#log(isAborted ? 'abort' : 'resume');
    if (isAborted) this.abort({});
    else this.resume({});
  }
}

/** One run for many plans: a run for each would cost more than what is looked at. They share no state but the clock. */
export async function tinyPlans(plans: readonly TinyPlan[]): Promise<TinyResult[]> {
  return Promise.all(plans.map(tinyPlan));
}

async function tinyPlan({ steps, parallelSteps, script }: TinyPlan): Promise<TinyResult> {
  const display = new RunDisplay();
  const log: [string, number][] = [];
  const note = (what: string): void => void log.push([what, Date.now()]);
  const control = new ScriptedControl(display, script, note);
  control.tell = async ({ topic }) => note(`told ${topic}`);
  const byId = new Map(steps.map((step) => [step.id, step]));
  const left = new Map(steps.map(({ id, failures }) => [id, failures]));
  const act = async ({ id }: Step): Promise<string> => {
    note(`act ${id}`);
    // Outside of what an abort cancels: somebody else does it.
    if (id === script.at) void CancellationScope.nonCancellable(async () => control.steer());
    const { takes = 1, isLateHeeding = false } = byId.get(id) ?? {};
    try {
      await (isLateHeeding ? CancellationScope.nonCancellable(async () => sleep(takes)) : sleep(takes));
    } catch (error) {
      if (isCancellation(error)) note(`cancelled ${id}`);
      throw error;
    }
    const failures = left.get(id) ?? 0;
    left.set(id, failures - 1);
    note(failures > 0 ? `failed ${id}` : `done ${id}`);
    if (failures > 0) throw ApplicationFailure.nonRetryable(`${id} was made to fail`, 'Precondition');
    return '';
  };
  const undo = async ({ id }: Step): Promise<void> => {
    note(`undo ${id}`);
    if (byId.get(id)?.undoFails === true)
      throw ApplicationFailure.nonRetryable(`${id} cannot be undone`, 'Precondition');
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
