/** Acts on a component's live data while its lease is held, by way of its journal. */
import { lstat } from 'node:fs/promises';
import {
  journalFormat,
  liveSwapOf,
  readJournal,
  safetyCopiesOf,
  writeJournal,
  type Journal,
  type JournalPair,
} from './journal.ts';
import { withLease, type Lease } from './lease.ts';
import { canGoForward, moveBack, moveForward, present, type MoveContext } from './moves.ts';
import { anchorOf } from './staging.ts';
import type { SwapTarget } from './target-types.ts';

/** What every act under the lease needs. */
export interface SwapWork extends MoveContext {
  readonly lease: Lease;
  readonly anchor: string;
  readonly target: SwapTarget;
  read(): Promise<Journal | undefined>;
  write(journal: Journal): Promise<void>;
}

/** Runs an act while the component's lease is held; every journal write is guarded and reported as a step. */
export async function underLease<T>(target: SwapTarget, act: (work: SwapWork) => Promise<T>): Promise<T> {
  const { component, token, tuning = {} } = target;
  const anchor = await anchorOf(target.lives);
  return withLease({ component, anchor, token, tuning }, async (lease) => {
    const owner = process.getuid?.() === 0 ? await lstat(anchor) : undefined;
    let current: Journal | undefined;
    const step = async (name: string): Promise<void> => tuning.onStep?.(name);
    const write = async (journal: Journal): Promise<void> => {
      lease.guard();
      await writeJournal(anchor, journal, owner);
      current = journal;
      await step(`journal ${journal.phase}`);
    };
    return act({
      component,
      lease,
      anchor,
      target,
      guard: () => lease.guard(),
      step,
      write,
      read: async () => (current = await readJournal(anchor, component)),
      async record(pair, phase) {
        pair.phase = phase;
        if (current !== undefined) await write(current);
      },
    });
  });
}

/** Finishes what a killed attempt of any run left. */
export async function settleJournal(work: SwapWork): Promise<void> {
  const journal = await work.read();
  if (journal?.phase === 'swapping') {
    if (journal.pairs.every(canGoForward)) await goForward(journal, work);
    else await goBack(journal, work);
  } else if (journal?.phase === 'backing') {
    await goBack(journal, work);
  }
}

/** Writes down what is meant before anything moves, then moves it. */
export async function beginSwap(pairs: JournalPair[], work: SwapWork): Promise<void> {
  const { component, token } = work.target;
  const last = await work.read();
  const under = liveSwapOf(last);
  const journal: Journal = {
    format: journalFormat,
    component,
    token,
    phase: 'swapping',
    pairs,
    earlier: last === undefined ? [] : safetyCopiesOf(last).filter((copy) => present(copy.path)),
    ...(under === undefined ? {} : { under }),
  };
  await work.write(journal);
  await goForward(journal, work);
}

async function goForward(journal: Journal, work: SwapWork): Promise<void> {
  for (const pair of journal.pairs) await moveForward(pair, work);
  journal.phase = 'swapped';
  await work.write(journal);
}

export async function goBack(journal: Journal, work: SwapWork): Promise<void> {
  journal.phase = 'backing';
  await work.write(journal);
  for (const pair of journal.pairs.toReversed()) await moveBack(pair, work);
  journal.phase = 'back';
  await work.write(journal);
}
