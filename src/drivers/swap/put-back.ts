/**
 * Makes the old data of a committed restore live again. It is a swap like any other: the restored data goes aside in its
 * turn, so nothing is lost, `swapBack` undoes it, and putting back twice brings the restored data back.
 */
import { chmod, chown, lstat, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { LifeboatError } from '../../domain/errors.ts';
import { liveSwapOf, readJournal, type FinishedSwap, type JournalPair } from './journal.ts';
import { present } from './moves.ts';
import { asideName, insideAsideName } from './names.ts';
import { anchorOf } from './staging.ts';
import { isSameRun } from './token.ts';
import { beginSwap, settleJournal, underLease } from './work.ts';
import type { FencingToken } from '../../domain/fencing-token.ts';
import type { SwapTarget } from './target-types.ts';

export interface KeptRestore {
  /** Token of the restore whose data is live. */
  readonly token: FencingToken;
  readonly paths: readonly {
    readonly live: string;
    /** Old data; undefined where there was nothing before: then nothing is live afterwards. */
    readonly kept: string | undefined;
  }[];
  /** Why it cannot be put back; empty where it can. */
  readonly problem: string;
}

/** The restore whose data is live and what it replaced. Undefined where none was swapped in. Reads only. */
export async function keptRestore(target: Pick<SwapTarget, 'component' | 'lives'>): Promise<KeptRestore | undefined> {
  const swap = liveSwapOf(await readJournal(await anchorOf(target.lives), target.component));
  if (swap === undefined) return undefined;
  const paths = swap.pairs.map(({ live, liveExisted, aside }) => ({ live, kept: liveExisted ? aside : undefined }));
  return { token: swap.token, paths, problem: problemOf(swap) };
}

/**
 * Puts back what the restore `of` replaced; the component's services are stopped. A second call of the same run does
 * nothing. Errors: Fenced, LockHeld, Precondition (another restore is live by now, or the old data is gone).
 */
export async function putBack(target: SwapTarget, of: Pick<FencingToken, 'lockStart' | 'runId'>): Promise<void> {
  await underLease(target, async (work) => {
    await settleJournal(work);
    const swap = liveSwapOf(await work.read());
    if (swap === undefined || !isSameRun(swap.token, target.token)) {
      if (swap === undefined || !isSameRun(swap.token, { ...of, attempt: 0 }))
        throw precondition('what is live is not of the restore that is to be undone', target.component);
      const problem = problemOf(swap);
      if (problem !== '') throw precondition(problem, target.component);
      const pairs = await Promise.all(swap.pairs.map((pair) => pairBack(pair, target)));
      await beginSwap(pairs, work);
    }
    // An exchange leaves the folder that held the old data.
    for (const { mode, aside } of swap.pairs) if (mode === 'exchange') await rmdir(aside).catch(() => undefined);
  });
}

function problemOf({ pairs }: FinishedSwap): string {
  for (const pair of pairs) {
    if (pair.mode === 'pointer' && !pair.liveExisted) return `\`${pair.live}\` led nowhere before the restore`;
    if (pair.liveExisted && !present(pair.aside)) return `the old data \`${pair.aside}\` of \`${pair.live}\` is gone`;
  }
  return '';
}

/** The old data takes the place that staged data has in a restore. */
async function pairBack(of: JournalPair, { component, token }: SwapTarget): Promise<JournalPair> {
  const { live, mode } = of;
  const common = { live, mode, staged: of.aside, remove: !of.liveExisted, liveExisted: present(live), phase: 'before' };
  if (mode === 'exchange') {
    const { mode: bits, uid, gid } = await lstat(live);
    await asItWas(of);
    const aside = join(live, insideAsideName(component, token));
    return { ...common, phase: 'before', aside, root: { mode: bits, uid, gid } };
  }
  if (mode === 'pointer' && of.pointer !== undefined) {
    const { oldText, newText, generation } = of.pointer;
    return {
      ...common,
      phase: 'before',
      aside: generation,
      pointer: { oldText: newText, newText: oldText, generation: of.aside },
    };
  }
  return { ...common, phase: 'before', aside: join(dirname(live), asideName(component, token, live)) };
}

/** The folder of old data inside a mount root was made for us alone; the root had rights of its own. */
async function asItWas({ aside, root }: JournalPair): Promise<void> {
  if (root === undefined) return;
  if (process.getuid?.() === 0) await chown(aside, root.uid, root.gid);
  await chmod(aside, root.mode & 0o7777);
}

function precondition(message: string, component: string): LifeboatError {
  return new LifeboatError('Precondition', `${message}; nothing was switched`, {
    component,
    hint: 'restore a recovery point instead: `lifeboat restore plan`',
  });
}
