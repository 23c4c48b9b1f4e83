/**
 * A restore:
 *  1. find the recovery point (or what the last restore replaced), ask each driver about its target, plan; without `confirm` end here (state `planned`);
 *  2. take the appliance lock: a backup, retention or drill that holds it is cancelled, another restore is not;
 *  3. start the RTO clock, an observer that marks 50, 80 and 100 %;
 *  4. run the plan: verify, stage and validate beside the live data, stop, swap, start the engines, probe, start the
 *     rest, health;
 *  5. all proven → commit; anything failed → undo everything in reverse order;
 *  6. whatever happened: free the lock, write the evidence, tell people; after a commit start a full backup, and what the
 *     application is to build anew.
 */
import {
  ApplicationFailure,
  CancellationScope,
  allHandlersFinished,
  condition,
  isCancellation,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { ApplianceView } from '../../activities/control.ts';
import type { ProbeResult } from '../../src/domain/recovery-point.ts';
import { isProven, textsIn } from '../../src/domain/replayed.ts';
import { begin } from '../run/begin.ts';
import { takeAll, type HeldLock } from '../run/lock.ts';
import {
  abortUpdate,
  type Given,
  holdUpdate,
  type RestoreInput,
  type RestoreResult,
  resumeUpdate,
} from '../messages.ts';
import { priority, storage } from '../proxies.ts';
import { startRebuild } from './rebuild.ts';
import { recordRestore, startFollowUpBackup } from './report.ts';
import { copyOf, sourceOf } from './source.ts';
import { watchRto } from '../run/clock.ts';
import { PlanRunner, rootMessage } from '../plan/runner.ts';
import { checkedTexts } from '../run/texts.ts';
import { RunDisplay } from '../run/display.ts';
import type { PlanStep, RestorePlan } from '../../src/domain/restore/types.ts';

/** A cancelled backup ends within its heartbeat (2 s) plus clean-up; a minute is generous. */
const lockWaitSeconds = 60;

/** Types of runs that change live data for a person: a restore waits for them, or ends. */
const neverCancelled: readonly string[] = ['restore', 'emergencyRollback'];

const stateOfStep: Readonly<Record<PlanStep['kind'], string>> = {
  verify: 'verifying_source',
  stage: 'staging',
  validate: 'staging',
  stop: 'stopping',
  finish: 'stopping',
  swap: 'swapping',
  'put-back': 'swapping',
  start: 'starting',
  health: 'verifying',
  probe: 'verifying',
  commit: 'committing',
};

export async function restore(...given: Given<RestoreInput>): Promise<RestoreResult> {
  const run = new RestoreRun();
  return run.execute(given);
}

class RestoreRun {
  #input: RestoreInput = {};
  readonly #display = new RunDisplay();
  readonly #began = Date.now();
  readonly #scope = new CancellationScope();
  #aborted: string | undefined;
  #committing = false;
  #held = false;
  #probes: readonly ProbeResult[] = [];
  #undone: 'none' | 'full' | 'partial' = 'none';
  #undoFailures: readonly string[] = [];
  #commitFailures: readonly string[] = [];
  #plan: RestorePlan | undefined;

  constructor() {
    this.#handleMessages();
  }

  async execute(given: Given<RestoreInput>): Promise<RestoreResult> {
    const { appliance, input } = await begin(this.#display, given);
    this.#input = input;
    let lock: HeldLock | undefined;
    let result: RestoreResult | undefined;
    let failure: unknown;
    const stopClock = new CancellationScope();
    try {
      await this.#scope.run(async () => {
        this.#display.state('planning');
        const { plan, repositoryId } = await sourceOf(appliance, this.#input, this.#display);
        this.#plan = plan;
        if (this.#input.confirm !== appliance.name) {
          this.#display.state('planned');
          result = this.#result('planned', plan, [], '');
          return;
        }
        await this.#adopt(appliance, repositoryId);
        this.#display.state('locking');
        lock = await this.#lock(appliance);
        void stopClock.run(async () => watchRto(this.#clock(appliance), this.#display)).catch(() => undefined);
        const safetyCopies = await this.#runPlan(plan, repositoryId, lock.since);
        this.#display.state('committed');
        result = this.#result('committed', plan, safetyCopies, '');
      });
    } catch (error) {
      failure = this.#explain(error);
    }
    stopClock.cancel();
    return CancellationScope.nonCancellable(async () => this.#conclude(appliance, lock, result, failure));
  }

  #handleMessages(): void {
    setHandler(
      abortUpdate,
      (actor) => {
        const { by = 'somebody', reason = 'no reason given' } = textsIn('abort', actor);
        this.#aborted = `${by}: ${reason}`;
        this.#display.note(`abort asked by ${this.#aborted}`);
        this.#scope.cancel();
        return 'everything that was done is being undone';
      },
      {
        description: 'Stops the restore and puts the old data back.',
        validator: (actor) => {
          checkedTexts('abort', actor);
          if (this.#committing) throw new Error('the restore is committed; there is nothing to abort');
        },
      },
    );
    setHandler(
      holdUpdate,
      (actor) => {
        const { by = 'somebody', reason = '' } = textsIn('hold', actor);
        this.#held = true;
        this.#display.hold(true);
        this.#display.note(`held by ${by}: ${reason}`);
        return 'no further step begins; running ones end';
      },
      {
        description: 'Lets running steps end and begins no further one.',
        validator: (actor) => void checkedTexts('hold', actor),
      },
    );
    setHandler(
      resumeUpdate,
      (actor) => {
        const { by = 'somebody' } = textsIn('resume', actor);
        this.#held = false;
        this.#display.hold(false);
        this.#display.note(`resumed by ${by}`);
        return 'steps begin again';
      },
      { description: 'Goes on after hold.', validator: (actor) => void checkedTexts('resume', actor) },
    );
  }

  /** The repository may be lost with the host; evidence and the next backup need one. */
  async #adopt({ host }: ApplianceView, repositoryId: string): Promise<void> {
    const { location } = copyOf(this.#input);
    if (location === undefined) return;
    const { adopted } = await storage(host, {
      summary: `continue the repository from ${location}`,
      priority: priority.restore,
    }).adoptRepository({ location, repositoryId });
    if (adopted) this.#display.note(`the repository was gone; it was begun anew from ${location}`);
  }

  async #lock(appliance: ApplianceView): Promise<HeldLock> {
    const taken = await takeAll({
      appliance: appliance.name,
      holder: workflowInfo().workflowId,
      purpose: 'restore',
      waitSeconds: lockWaitSeconds,
      onWait: (holder) => this.#display.waitOn(`lock held by ${holder}`),
      mayCancel: ({ type }) => !neverCancelled.includes(type),
    });
    this.#display.waitOn('');
    if (taken.held) return taken.lock;
    throw ApplicationFailure.nonRetryable(`the appliance is held by ${taken.holder}; nothing was changed`, 'LockHeld');
  }

  /** Proves and commits, or undoes everything and throws the first error. */
  async #runPlan(plan: RestorePlan, repositoryId: string, lockSince: string): Promise<readonly string[]> {
    const runner = new PlanRunner({
      plan,
      repositoryId,
      copy: copyOf(this.#input),
      lockSince,
      runId: workflowInfo().runId,
      replaceDamaged: this.#input.replaceDamaged ?? false,
      keepNew: this.#input.keepNew ?? false,
      display: this.#display,
      isHeld: () => this.#held,
      onState: (kind) => this.#display.state(stateOfStep[kind]),
    });
    try {
      await runner.prove();
      this.#probes = runner.probes;
      // The last step may have ended without heeding an abort, or under a hold: throws for the one, waits out the other.
      await condition(() => !this.#held);
      this.#committing = true;
    } catch (error) {
      this.#probes = runner.probes;
      this.#display.state('undoing');
      this.#undoFailures = await CancellationScope.nonCancellable(async () => runner.undo());
      this.#undone = this.#undoFailures.length === 0 ? 'full' : 'partial';
      throw error;
    }
    return CancellationScope.nonCancellable(async () => {
      const { safetyCopies, failures } = await runner.commit();
      this.#commitFailures = failures;
      failures.forEach((text) => this.#display.note(text));
      return safetyCopies;
    });
  }

  #clock(appliance: ApplianceView): { began: number; objectiveSeconds: number; appliance: string } {
    const disaster = Date.parse(this.#input.disasterAt ?? '');
    const whole = (this.#input.components ?? []).length === 0;
    return {
      began: Number.isNaN(disaster) ? this.#began : disaster,
      objectiveSeconds: whole ? appliance.rtoSeconds.full : appliance.rtoSeconds.critical,
      appliance: appliance.name,
    };
  }

  #explain(error: unknown): unknown {
    if (!isCancellation(error)) return error;
    const why = this.#aborted ?? 'the run was cancelled';
    return ApplicationFailure.nonRetryable(`aborted (undone=${this.#undone}): ${why}`, 'Aborted');
  }

  #result(
    state: RestoreResult['state'],
    plan: RestorePlan,
    safetyCopies: readonly string[],
    backupWorkflowId: string,
  ): RestoreResult {
    return {
      state,
      id: this.#display.view().subject,
      seconds: (Date.now() - this.#began) / 1000,
      steps: this.#display.steps(),
      probes: this.#probes,
      ...(state === 'committed' && plan.undoes === undefined ? { unproven: unprovenOf(plan, this.#probes) } : {}),
      safetyCopies,
      rtoBreached: this.#display.breached,
      plan,
      backupWorkflowId,
    };
  }

  async #conclude(
    appliance: ApplianceView,
    lock: HeldLock | undefined,
    result: RestoreResult | undefined,
    failure: unknown,
  ): Promise<RestoreResult> {
    await lock?.release((text) => this.#display.note(text));
    if (failure !== undefined) this.#display.state(lock === undefined ? 'failed' : `aborted(undone=${this.#undone})`);
    this.#undoFailures.forEach((text) => this.#display.note(`not undone: ${text}`));
    let final = result;
    if (result?.state === 'committed') {
      const backupWorkflowId = await startFollowUpBackup(appliance.name, this.#display.view().subject).catch(
        (error: unknown) => {
          this.#display.note(`no full backup was started: ${rootMessage(error)}`);
          return '';
        },
      );
      const rebuilds = result.plan.rebuilds ?? [];
      const rebuildWorkflowId = await startRebuild(appliance.name, rebuilds, `after the restore of ${result.id}`).catch(
        (error: unknown) => {
          this.#display.note(`nothing is built anew: ${rootMessage(error)}`);
          return '';
        },
      );
      final = { ...result, backupWorkflowId, ...(rebuildWorkflowId === '' ? {} : { rebuildWorkflowId }) };
    }
    await recordRestore({
      appliance,
      display: this.#display,
      input: this.#input,
      began: this.#began,
      result,
      failure,
      probes: this.#probes,
      notUndone: this.#undoFailures,
      commitFailures: this.#commitFailures,
      estimateSeconds: this.#plan?.estimateSeconds ?? 0,
    });
    await condition(allHandlersFinished);
    if (failure !== undefined) throw failure;
    if (final === undefined) throw ApplicationFailure.nonRetryable('the restore ended without a result', 'Internal');
    return final;
  }
}

/** Of every component that went live something of its content must have been compared. */
function unprovenOf({ components: live }: RestorePlan, probes: readonly ProbeResult[]): string[] {
  return live.map(({ id }) => id).filter((id) => !isProven(probes.filter(({ component }) => component === id)));
}
