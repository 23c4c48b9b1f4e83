/**
 * Interprets a restore plan: every step runs as soon as what it comes after is done, at most `parallelSteps` at once.
 * Each step's undo stands beside it and is registered before the step acts. The first failure cancels what runs;
 * the caller then calls `undo`, which runs every registered undo in reverse order and collects what failed.
 *
 * A changed interpreter raises `planVersion` and keeps the old one: plans stand in histories.
 */
import { ApplicationFailure, CancellationScope, condition, isCancellation } from '@temporalio/workflow';
import type { ComponentRequest, PutBackRequest } from '../../activities/component.ts';
import type { ProbeResult } from '../../src/domain/recovery-point.ts';
import { describeProbes, isFailed, plural } from '../../src/domain/replayed.ts';
import { components, platform, priority, storage } from '../proxies.ts';
import type { RunDisplay } from '../run/display.ts';
import type { FencingToken } from '../../src/domain/fencing-token.ts';
import type { PlanStep, RestorePlan } from '../../src/domain/restore/types.ts';

/** Two cores: more byte movers at once only wait for each other; stops and starts are waits anyway. */
const parallelSteps = 6;

export interface PlanRun {
  readonly plan: RestorePlan;
  readonly repositoryId: string;
  /** Of the repository that is read. */
  readonly copy: { readonly location?: string };
  readonly lockSince: string;
  readonly runId: string;
  readonly replaceDamaged: boolean;
  /** A failed probe or health check is told and the restore goes on. */
  readonly keepNew: boolean;
  readonly display: RunDisplay;
  /** A step begins only while this is false. */
  readonly isHeld: () => boolean;
  readonly onState: (kind: PlanStep['kind']) => void;
}

interface Undo {
  readonly id: string;
  readonly run: () => Promise<void>;
}

export class PlanRunner {
  readonly #run: PlanRun;
  readonly #undos: Undo[] = [];
  readonly #staged = new Map<string, FencingToken>();
  readonly #probes: ProbeResult[] = [];
  readonly #safetyCopies: string[] = [];
  readonly #failed = new Set<string>();

  constructor(run: PlanRun) {
    this.#run = run;
  }

  /** Runs all steps but the commits, or throws the first failure after everything that ran has ended. */
  async prove(): Promise<void> {
    await this.#steps(this.#run.plan.steps.filter(({ kind }) => kind !== 'commit'));
  }

  /** Results of all probes so far, failed ones too. */
  get probes(): readonly ProbeResult[] {
    return this.#probes;
  }

  /**
   * After the point of no return: staging goes, safety copies stay. The new data is live whatever happens here, so a
   * failing clean-up stops no other; returns what failed.
   */
  async commit(): Promise<{ readonly safetyCopies: readonly string[]; readonly failures: readonly string[] }> {
    const { plan, display, onState } = this.#run;
    const failures: string[] = [];
    onState('commit');
    await Promise.all(
      plan.steps
        .filter(({ kind }) => kind === 'commit')
        .map(async (step) => {
          display.step(step.id, 'running');
          try {
            display.step(step.id, 'done', await this.#act(step));
          } catch (error) {
            const text = rootMessage(error);
            display.step(step.id, 'failed', text.slice(0, 200));
            failures.push(`${step.subject}: its old data could not be put in order: ${text}`);
          }
        }),
    );
    return { safetyCopies: this.#safetyCopies, failures };
  }

  /** Runs every undo; a failing one stops no other. Returns what could not be undone. */
  async undo(): Promise<string[]> {
    const failures: string[] = [];
    for (const { id, run } of [...this.#undos].reverse()) {
      try {
        await run();
        // What failed stays seen as that, with its reason.
        if (!this.#failed.has(id)) this.#run.display.step(id, 'undone');
      } catch (error) {
        failures.push(`${id}: ${rootMessage(error)}`);
      }
    }
    return failures;
  }

  async #steps(steps: readonly PlanStep[]): Promise<void> {
    const { display } = this.#run;
    const results = new Map<string, Promise<void>>();
    let slots = parallelSteps;
    let failure: unknown;
    const scope = new CancellationScope();
    const start = async (step: PlanStep): Promise<void> => {
      await Promise.all(step.after.flatMap((id) => results.get(id) ?? []));
      await condition(() => slots > 0 && !this.#run.isHeld());
      slots -= 1;
      display.step(step.id, 'running');
      this.#run.onState(step.kind);
      try {
        const note = await this.#act(step);
        display.step(step.id, 'done', note);
      } catch (error) {
        if (!isCancellation(error)) this.#failed.add(step.id);
        display.step(
          step.id,
          isCancellation(error) ? 'cancelled' : 'failed',
          isCancellation(error) ? '' : rootMessage(error).slice(0, 200),
        );
        throw error;
      } finally {
        slots += 1;
      }
    };
    await scope.run(async () => {
      // Steps are created in an order where what they come after already stands in the map.
      for (const step of inOrder(steps)) {
        const result = start(step);
        result.catch((error: unknown) => {
          if (failure === undefined) {
            failure = error;
            scope.cancel();
          }
        });
        results.set(step.id, result);
      }
      await Promise.allSettled(results.values());
    });
    if (failure !== undefined) throw failure;
  }

  async #act(step: PlanStep): Promise<string> {
    const { plan, repositoryId, copy, display, keepNew } = this.#run;
    const call = { summary: `${step.id}`, priority: priority.restore };
    const { subject, queue } = step;
    switch (step.kind) {
      case 'verify': {
        let objects = 0;
        for (const [backupId, ids] of byBackup(plan)) {
          const verified = await storage(queue.host, call).verifyObjects({
            repositoryId,
            backupId,
            components: ids,
            ...copy,
          });
          objects += verified.objects;
        }
        return plural(objects, 'object');
      }
      case 'stage': {
        this.#undoComponent(step);
        const staged = await components(queue, call).stageComponent(this.#request(step));
        this.#staged.set(subject, staged.token);
        // A history of an older worker has none.
        for (const note of staged.notes ?? []) display.note(`${subject}: ${note}`);
        return plural(staged.files, 'file');
      }
      case 'validate':
        this.#requireProbes(step, await components(queue, call).validateComponent(this.#request(step)));
        return '';
      case 'stop': {
        const running = await platform(queue.host, { ...call, summary: `does ${subject} run?` }).isRunning({
          service: subject,
        });
        if (running) {
          this.#undos.push({
            id: step.id,
            run: async () =>
              platform(queue.host, { summary: `undo: start ${subject}` }).startService({ service: subject }),
          });
        }
        await platform(queue.host, call).stopService({ service: subject });
        return running ? '' : 'was not running';
      }
      case 'finish':
        this.#requireProbes(step, await components(queue, call).finishComponent(this.#request(step)));
        return '';
      case 'swap':
        this.#undoComponent(step);
        await components(queue, call).swapComponent(this.#request(step));
        return '';
      case 'put-back': {
        this.#undos.push({
          id: step.id,
          run: async () =>
            components(queue, { summary: `undo ${step.id}`, priority: priority.restore }).takeBackComponent(
              this.#putBackRequest(step),
            ),
        });
        const { safetyCopies } = await components(queue, call).putBackComponent(this.#putBackRequest(step));
        this.#safetyCopies.push(...safetyCopies);
        return '';
      }
      case 'start':
        this.#undos.push({
          id: step.id,
          run: async () => {
            await platform(queue.host, { summary: `undo: stop ${subject}` }).stopService({ service: subject });
          },
        });
        await platform(queue.host, call).startService({ service: subject });
        return '';
      case 'health':
        try {
          return (await platform(queue.host, call).checkHealth({ services: plan.stops })).text;
        } catch (error) {
          if (!keepNew || isCancellation(error)) throw error;
          display.note(`health failed: ${rootMessage(error)}`);
          return 'FAILED';
        }
      case 'probe': {
        const probes = await components(queue, call).probeComponent(this.#request(step));
        this.#probes.push(...probes);
        const failed = probes.filter(isFailed);
        failed.forEach(({ component, name, expected, actual }) =>
          display.note(`probe ${component}/${name} failed: expected ${expected}, actual ${actual}`),
        );
        probes
          .filter(({ notCompared }) => notCompared === true)
          .forEach(({ component, name, actual }) => display.note(`probe ${component}/${name}: ${actual}`));
        if (failed.length > 0 && !keepNew) this.#requireProbes(step, probes);
        return describeProbes(probes);
      }
      case 'commit': {
        const { safetyCopies, notes = [] } = await components(queue, call).commitComponent(this.#request(step));
        this.#safetyCopies.push(...safetyCopies);
        for (const note of notes) display.note(`${subject}: ${note}`);
        return '';
      }
    }
  }

  #undoComponent(step: PlanStep): void {
    this.#undos.push({
      id: step.id,
      run: async () =>
        components(step.queue, { summary: `undo ${step.id}`, priority: priority.restore }).undoComponent(
          this.#request(step),
        ),
    });
  }

  #putBackRequest({ subject }: PlanStep): PutBackRequest {
    const { plan, lockSince, runId } = this.#run;
    if (plan.undoes === undefined)
      throw ApplicationFailure.nonRetryable('the plan does not say which restore it undoes', 'Internal');
    return { component: subject, lockSince, runId, of: plan.undoes };
  }

  #request(step: PlanStep): ComponentRequest {
    const { plan, repositoryId, copy, lockSince, runId, replaceDamaged } = this.#run;
    const { backupId = plan.backupId, wal } = plan.components.find(({ id }) => id === step.subject) ?? {};
    return {
      repositoryId,
      backupId,
      ...copy,
      ...(wal === undefined ? {} : { wal }),
      component: step.subject,
      lockSince,
      runId,
      staged: this.#staged.get(step.subject) ?? null,
      replaceDamaged,
    };
  }

  #requireProbes(step: PlanStep, probes: readonly ProbeResult[]): void {
    const failed = probes.filter(isFailed);
    if (failed.length === 0) return;
    const text = failed
      .map(({ component, name, expected, actual }) => `${component}/${name}: expected ${expected}, actual ${actual}`)
      .join('; ');
    throw ApplicationFailure.nonRetryable(
      `${step.id}: ${failed.length} of ${probes.length} checks failed: ${text}`.slice(0, 2000),
      'ValidationFailed',
    );
  }
}

/** Component ids by the recovery point that their artefacts are of. */
function byBackup({ backupId: own, components: all }: RestorePlan): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const { id, backupId = own } of all) groups.set(backupId, [...(groups.get(backupId) ?? []), id]);
  return groups;
}

function inOrder(steps: readonly PlanStep[]): PlanStep[] {
  const byId = new Map(steps.map((step) => [step.id, step]));
  const order: PlanStep[] = [];
  const seen = new Set<string>();
  const visit = (step: PlanStep): void => {
    if (seen.has(step.id)) return;
    seen.add(step.id);
    for (const id of step.after) {
      const before = byId.get(id);
      if (before !== undefined) visit(before);
    }
    order.push(step);
  };
  steps.forEach(visit);
  return order;
}

/** The message at the bottom of a chain of causes: what really happened. */
export function rootMessage(error: unknown): string {
  let current = error;
  while (current instanceof Error && current.cause instanceof Error) current = current.cause;
  return current instanceof Error ? current.message : String(current);
}

/** The type at the bottom of a chain of causes: a code of the error catalogue. */
export function rootCode(error: unknown): string {
  let current = error;
  while (current instanceof Error && current.cause instanceof Error) current = current.cause;
  return current instanceof ApplicationFailure
    ? (current.type ?? 'Internal')
    : current instanceof Error
      ? current.name
      : 'Internal';
}
