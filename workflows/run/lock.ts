/**
 * The appliance lock: a child with the fixed id `lock/<appliance>`, and one more for each scope beside it. 'Already
 * started' means held; its memo names the holder; parent-close policy TERMINATE frees it however the holder ends. The id
 * excludes, not the holder's own id.
 */
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  ApplicationFailure,
  CancellationScope,
  condition,
  setHandler,
  startChild,
  sleep,
  setCurrentDetails,
  workflowInfo,
  type ChildWorkflowHandle,
} from '@temporalio/workflow';
import type { LockHolder } from '../../activities/lock-holder.ts';
import { type Given, type LockInput, releaseSignal } from '../messages.ts';
import { control } from '../proxies.ts';
import { childAttributes } from './attributes.ts';
import type { Run } from './run.ts';
import { inputTexts } from './texts.ts';

export async function lock(...given: Given<LockInput>): Promise<void> {
  const { holder = 'nobody', purpose = 'nothing' } = inputTexts('lock', given);
  let released = false;
  setHandler(releaseSignal, () => void (released = true), { description: 'The holder is done.' });
  setCurrentDetails(`held by \`${holder}\` for ${purpose}`);
  await condition(() => released);
}

/**
 * What may run beside a long backup, one of its kind at a time: the frequent backup, whose objective is an hour, and a
 * restore test, which touches nothing live. Whoever changes live data takes the appliance and all of these.
 */
const scopes = ['critical', 'restore-test'] as const;
export type LockScope = (typeof scopes)[number];

export interface HeldLock {
  /** ISO time at which the lock was taken: the fencing token's first part. */
  readonly since: string;
  /** Never throws: the run's result, evidence and messages come after it. Notes where the lock was gone already. */
  release(note: (text: string) => void): Promise<void>;
}

export interface LockRequest {
  /** The appliance itself by default; `all`: the appliance and every scope beside it. */
  readonly scope?: LockScope | 'all' | undefined;
  readonly purpose: string;
  /** Half an hour by default. */
  readonly waitSeconds?: number;
  /** Asked once of each holder: may it be cancelled? No holder may by default. */
  readonly mayCancel?: (holder: LockHolder) => boolean;
}

interface TakeOptions extends Omit<LockRequest, 'scope'> {
  readonly appliance: string;
  readonly scope?: LockScope | undefined;
  /** Told who holds it while we wait; empty when nobody is waited for any more. */
  readonly onWait: (holder: string) => void;
}

export type TakeResult =
  { readonly held: true; readonly lock: HeldLock } | { readonly held: false; readonly holder: string };

/** Looks again after 2, 4, 8 … seconds, at most every 5 min: a restore gets a cancelled backup's lock within seconds. */
const firstRetrySeconds = 2;
const longestRetrySeconds = 300;

const defaultWaitSeconds = 30 * 60;

/** Takes what is asked for, and gives it back when the run ends; or says who holds it after `waitSeconds`. */
export async function takeLock<I>(run: Run<I>, { scope, ...request }: LockRequest): Promise<TakeResult> {
  const { appliance, display } = run;
  display.state({ status: 'locking' });
  const onWait = (holder: string): void => display.waitOn(holder === '' ? '' : `lock held by ${holder}`);
  const options = { ...request, appliance: appliance.name, onWait };
  const taken = scope === 'all' ? await takeAll(options) : await takeOne({ ...options, scope });
  onWait('');
  if (taken.held) run.onEnd(async () => taken.lock.release((text) => display.note(text)));
  return taken;
}

/** For runs that end without it: LockHeld. */
export async function requireLock<I>(run: Run<I>, request: LockRequest): Promise<HeldLock> {
  const taken = await takeLock(run, request);
  if (taken.held) return taken.lock;
  throw ApplicationFailure.nonRetryable(`the appliance is held by ${taken.holder}; nothing was changed`, 'LockHeld');
}

async function takeOne(options: TakeOptions): Promise<TakeResult> {
  let asked = '';
  let pause = firstRetrySeconds;
  for (let left = options.waitSeconds ?? defaultWaitSeconds; ;) {
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
    const held = await control({ id: 'ask:holder', summary: 'who holds the appliance?' }).lockHolder({
      appliance: nameOf(options),
    });
    const holder = held.workflowId;
    options.onWait(holder);
    // Empty: freed between our try and our look. Each holder is asked once: after the cancelled one another may be first.
    if (holder !== '' && holder !== asked && options.mayCancel !== undefined) {
      if (!options.mayCancel(held)) return { held: false, holder };
      asked = holder;
      await control({ id: 'cancel:holder', summary: `cancel ${holder}` }).cancelRun({ workflowId: holder });
    }
    if (left <= 0) return { held: false, holder };
    const wait = Math.min(pause, left);
    await sleep(wait * 1000, { summary: `lock held by ${holder}` });
    left -= wait;
    pause = Math.min(pause * 2, longestRetrySeconds);
  }
}

/** The appliance and every scope beside it; gives back what it took where one is refused. */
async function takeAll(options: Omit<TakeOptions, 'scope'>): Promise<TakeResult> {
  const taken: HeldLock[] = [];
  const release = async (note: (text: string) => void): Promise<void> => {
    for (const each of taken.toReversed()) await each.release(note);
  };
  try {
    for (const scope of [undefined, ...scopes]) {
      const result = await takeOne({ ...options, scope });
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
  const { purpose } = options;
  const holder = workflowInfo().workflowId;
  try {
    return await CancellationScope.nonCancellable(async () =>
      startChild(lock, {
        workflowId: `lock/${nameOf(options)}`,
        ...childAttributes('lock'),
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

function nameOf({ appliance, scope }: TakeOptions): string {
  return scope === undefined ? appliance : `${appliance}/${scope}`;
}
