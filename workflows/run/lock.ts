/**
 * The appliance lock: a child with the fixed id `lock/<appliance>`, and one more for each lane beside it. 'Already started' means held; its memo names the
 * holder; parent-close policy TERMINATE frees it however the holder ends. The id excludes, not the holder's own id.
 */
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  ApplicationFailure,
  CancellationScope,
  condition,
  patched,
  setHandler,
  startChild,
  sleep,
  setCurrentDetails,
  workflowInfo,
  type ChildWorkflowHandle,
} from '@temporalio/workflow';
import type { ApplianceView } from '../../activities/control.ts';
import { askHolder, type Holder } from './lock-holder.ts';
import { type Given, type LockInput, releaseSignal } from '../messages.ts';
import { control } from '../proxies.ts';
import { inputTexts } from './texts.ts';
import type { RunDisplay } from './display.ts';

export async function lock(...given: Given<LockInput>): Promise<void> {
  const { holder = 'nobody', purpose = 'nothing' } = inputTexts('lock', given);
  let released = false;
  setHandler(releaseSignal, () => void (released = true), { description: 'The holder is done.' });
  setCurrentDetails(`held by \`${holder}\` for ${purpose}`);
  await condition(() => released);
}

/**
 * What may run beside a long backup, one of its kind at a time: the frequent backup, whose objective is an hour, and a
 * trial restore, which touches nothing live. Whoever changes live data takes all lanes.
 */
export type Lane = 'critical' | 'trial';
const lanes: readonly Lane[] = ['critical', 'trial'];

export interface HeldLock {
  /** ISO time at which the lock was taken: the fencing token's first part. */
  readonly since: string;
  /** Never throws: the run's result, evidence and messages come after it. Notes where the lock was gone already. */
  release(note: (text: string) => void): Promise<void>;
}

export interface TakeOptions {
  readonly appliance: string;
  /** The appliance itself where it is not given. */
  readonly lane?: Lane | undefined;
  readonly holder: string;
  readonly purpose: string;
  readonly waitSeconds: number;
  /** Told who holds it while we wait. */
  readonly onWait: (holder: string) => void;
  /** Asked once of each holder: may it be cancelled? */
  readonly mayCancel?: (holder: Holder) => boolean;
}

export type TakeResult =
  { readonly held: true; readonly lock: HeldLock } | { readonly held: false; readonly holder: string };

/** Looks again after 2, 4, 8 … seconds, at most every 5 min: a restore gets a cancelled backup's lock within seconds. */
const firstRetrySeconds = 2;
const longestRetrySeconds = 300;

/** Takes the lock, or says who holds it after `waitSeconds`. */
export async function takeLock(options: TakeOptions): Promise<TakeResult> {
  let asked = '';
  let pause = firstRetrySeconds;
  for (let left = options.waitSeconds; ;) {
    const child = await tryStart(options);
    if (child !== undefined) {
      return {
        held: true,
        lock: {
          since: new Date().toISOString(),
          release: async (note) => release(child, note),
        },
      };
    }
    const held = await askHolder('who holds the appliance?', nameOf(options));
    const holder = held.workflowId;
    options.onWait(holder);
    // Empty: freed between our try and our look. Each holder is asked once: after the cancelled one another may be first.
    if (holder !== '' && holder !== asked && options.mayCancel !== undefined) {
      if (!options.mayCancel(held)) return { held: false, holder };
      asked = holder;
      await control({ summary: `cancel ${holder}` }).cancelRun({ workflowId: holder });
    }
    if (left <= 0) return { held: false, holder };
    const wait = Math.min(pause, left);
    await sleep(wait * 1000, { summary: `lock held by ${holder}` });
    left -= wait;
    pause = Math.min(pause * 2, longestRetrySeconds);
  }
}

/** The appliance and every lane beside it; gives back what it took where one is refused. */
export async function takeAll(options: TakeOptions): Promise<TakeResult> {
  const taken: HeldLock[] = [];
  const release = async (note: (text: string) => void): Promise<void> => {
    for (const each of taken.toReversed()) await each.release(note);
  };
  try {
    for (const lane of [undefined, ...lanes]) {
      const result = await takeLock({ ...options, lane });
      if (!result.held) {
        await release(() => undefined);
        return result;
      }
      taken.push(result.lock);
    }
  } catch (error) {
    await CancellationScope.nonCancellable(async () => release(() => undefined));
    throw error;
  }
  return { held: true, lock: { since: taken[0]?.since ?? '', release } };
}

const usualWaitSeconds = 30 * 60;

/** For runs that end without it; LockHeld after half an hour. */
export async function takeLockOrThrow(
  { name }: ApplianceView,
  purpose: string,
  display: RunDisplay,
  lane?: Lane,
): Promise<HeldLock> {
  display.state('locking');
  const taken = await takeLock({
    appliance: name,
    lane,
    holder: workflowInfo().workflowId,
    purpose,
    waitSeconds: usualWaitSeconds,
    onWait: (holder) => display.waitOn(`lock held by ${holder}`),
  });
  display.waitOn('');
  if (taken.held) return taken.lock;
  throw ApplicationFailure.nonRetryable(`the appliance is held by ${taken.holder}`, 'LockHeld');
}

/** A lock ends within its next task; one that has not is ended by the server, with us. */
const releaseSeconds = 15;

/**
 * Waits for the end of a lock that was told so, else a following run would find it held; one that cannot be told is not waited
 * for, and one that does not end not for long: nothing that somebody sent to it may hold up its holder.
 */
async function release(child: ChildWorkflowHandle<typeof lock>, note: (text: string) => void): Promise<void> {
  try {
    await child.signal(releaseSignal);
    if (!(await endsInTime(child.result())))
      note(`the lock was told that it is free, and did not end within ${releaseSeconds} s: it ends with this run`);
  } catch (error) {
    const why = error instanceof Error ? (error.cause ?? error) : error;
    note(`the lock was gone before it was released: ${why instanceof Error ? why.message : String(why)}`);
  }
}

async function endsInTime(end: Promise<void>): Promise<boolean> {
  const ended = end.then(() => true);
  // A run that released its lock before there was a limit has no timer in its history.
  if (!patched('a lock that does not end is not waited for')) return ended;
  return CancellationScope.nonCancellable(async () =>
    CancellationScope.cancellable(async () => {
      try {
        const late = sleep(releaseSeconds * 1000, { summary: 'until the lock ends' }).then(() => false);
        return await Promise.race([ended, late]);
      } finally {
        CancellationScope.current().cancel();
      }
    }),
  );
}

/** Outside of the caller's cancellation: a cancelled holder still needs its lock while it undoes. */
async function tryStart(options: TakeOptions): Promise<ChildWorkflowHandle<typeof lock> | undefined> {
  const { holder, purpose } = options;
  try {
    return await CancellationScope.nonCancellable(async () =>
      startChild(lock, {
        workflowId: `lock/${nameOf(options)}`,
        args: [{ holder, purpose }],
        memo: { holder },
        parentClosePolicy: 'TERMINATE',
        staticSummary: `appliance lock, held by ${holder}`.slice(0, 200),
      }),
    );
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return undefined;
    throw error;
  }
}

function nameOf({ appliance, lane }: TakeOptions): string {
  return lane === undefined ? appliance : `${appliance}/${lane}`;
}
