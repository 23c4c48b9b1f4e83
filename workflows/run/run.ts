/**
 * The frame of every run. A workflow is its body and the facts of its evidence; the order is the same for all:
 *
 *  1. describe the appliance, check the input, open the display; where that fails, who scheduled the run is told, and there is no
 *     evidence, because nobody knows whose it would be;
 *  2. the body, which takes the lock and starts a clock where it needs them;
 *  3. whatever happened: what the body had taken goes (lock, intent), because what was restored must not wait unprotected;
 *     people are told; runs that follow start; the evidence is written, which may take its time on a storage that stutters.
 *     What of this fails is noted, stops nothing that comes after it, and changes nothing of what the run came to.
 */
import { allHandlersFinished, CancellationScope, condition, continueAsNew, isCancellation } from '@temporalio/workflow';
import type { ApplianceView } from '../../activities/control.ts';
import type { JsonValue } from '../../src/domain/recovery-point.ts';
import type { RunState } from '../../src/domain/run-state.ts';
import { reportedState } from '../../src/domain/replayed.ts';
import type { Given } from '../messages.ts';
import { begin } from './begin.ts';
import { RunDisplay } from './display.ts';
import { writeEvidence } from './evidence.ts';
import { failureOf, failureText } from './failure.ts';
import { notify, type Message } from './notification.ts';

export interface Run<I> {
  readonly appliance: ApplianceView;
  readonly input: I;
  readonly display: RunDisplay;
  /** Milliseconds since the epoch. */
  readonly began: number;
  /** Gives back what the body has taken. All are called at once, before people are told, whatever happened; none may throw. */
  readonly onEnd: (giveBack: () => Promise<void>) => void;
}

export interface Ended<I, R> extends Run<I> {
  /** Undefined where the body threw. */
  readonly result: R | undefined;
  /** Undefined where it did not. */
  readonly failure: unknown;
  readonly state: RunState;
  /** `CODE: message` of the failure; empty without one. */
  readonly failed: string;
  readonly seconds: number;
}

export type Report = Readonly<Record<string, JsonValue>>;

export interface Procedure<I extends object, R> {
  readonly body: (run: Run<I>) => Promise<R>;
  /** The state of a run whose body threw: `cancelled` or `failed` by default. */
  readonly stateOf?: (error: unknown, run: Run<I>) => RunState;
  /** What people must hear; nothing by default. */
  readonly tell?: (ended: Ended<I, R>) => readonly Message[] | Promise<readonly Message[]>;
  /** Starts what comes after it, and may add to the result what it started. Nothing by default. */
  readonly follow?: (ended: Ended<I, R>) => Promise<R | undefined>;
  /** What the report says beside state, times, steps and notes. A run without evidence writes no report. */
  readonly evidence?: (ended: Ended<I, R>) => Report;
  /** What is always on goes on as a new run with this input, so that no history grows for ever. */
  readonly again?: (result: R) => I;
  /** Why the run fails although its body returned a result. */
  readonly verdict?: (result: R, run: Run<I>) => Error | undefined;
}

export async function runProcedure<I extends object, R>(
  given: Given<I>,
  procedure: Procedure<I, R>,
  display = new RunDisplay(),
): Promise<R> {
  const began = Date.now();
  const { appliance, input } = await begin(display, given);
  const toGiveBack: (() => Promise<void>)[] = [];
  const run: Run<I> = { appliance, input, display, began, onEnd: (giveBack) => void toGiveBack.push(giveBack) };
  let result: R | undefined;
  let failure: unknown;
  try {
    result = await procedure.body(run);
  } catch (error) {
    failure = error;
    display.state(procedure.stateOf?.(error, run) ?? { status: isCancellation(error) ? 'cancelled' : 'failed' });
  }
  return CancellationScope.nonCancellable(async () => {
    await Promise.all(toGiveBack.map(async (giveBack) => giveBack()));
    const ended: Ended<I, R> = {
      ...run,
      result,
      failure,
      state: display.view().state,
      failed: failure === undefined ? '' : failureText(failure),
      seconds: (Date.now() - began) / 1000,
    };
    await noted(display, 'people were not told', async () => {
      for (const message of (await procedure.tell?.(ended)) ?? []) await notify(appliance.name, message);
    });
    const followed = await noted(display, 'what was to follow did not start', async () => procedure.follow?.(ended));
    const final = followed ?? result;
    if (procedure.evidence !== undefined) await writeEvidence(appliance, reportOf(ended, procedure.evidence(ended)));
    await condition(allHandlersFinished);
    if (failure !== undefined) throw failure;
    const refused = procedure.verdict?.(final as R, run);
    if (refused !== undefined) throw refused;
    if (procedure.again !== undefined) await continueAsNew<(input: I) => Promise<R>>(procedure.again(final as R));
    return final as R;
  });
}

async function noted<T>(display: RunDisplay, what: string, act: () => Promise<T>): Promise<T | undefined> {
  try {
    return await act();
  } catch (error) {
    display.note(`${what}: ${failureText(error)}`);
    return undefined;
  }
}

const maxText = 4000;

function reportOf<I, R>(
  { display, began, seconds, failed, failure }: Ended<I, R>,
  { text = failed, ...facts }: Report,
): Report {
  const { state, subject, steps, notes } = display.view();
  return {
    ...reportedState(state),
    text: typeof text === 'string' ? text.slice(0, maxText) : text,
    backup: subject,
    startedAt: new Date(began).toISOString(),
    endedAt: new Date().toISOString(),
    seconds,
    steps: steps.map((step) => ({ ...step })),
    notes: [...notes],
    ...(failure === undefined ? {} : { failure: { ...failureOf(failure) } }),
    ...facts,
  };
}

/** Who asked, and why, as a report says it. A run that nobody asked for was started by `usual`. */
export function askedBy(
  { requestedBy, reason }: { readonly requestedBy?: string | undefined; readonly reason?: string | undefined },
  usual: 'schedule' | 'unknown' = 'unknown',
): Report {
  return { requestedBy: requestedBy ?? usual, reason: reason ?? '' };
}
