/**
 * Makes staged data live and back, as a journaled unit of one or more path pairs of one component.
 * The journal lies beside the first live path as `.lifeboat-<component>.journal.json` (inside it, where the live path
 * is a mount point), is made durable before and after every move, and names the mode of each pair. Killed after any
 * move, the next one that takes the lease goes forward or back.
 *
 * A driver uses it in this order: `makeStaging` and fill it (stage), `stagingPath` with `context.staged` (later steps),
 * `swapIn`, then either `swapBack` + `removeStaging` (undo) or `removeStaging` (commit). What was replaced stays until people
 * remove it.
 *
 * Fencing: every function that changes live data takes the component's lease (beside the journal) with its token and
 * compares both again directly before each move. Within a run `attempt` must never fall from one step to the next.
 */
import { LifeboatError } from '../../domain/errors.ts';
import { readJournal, safetyCopiesOf, type Journal, type JournalPair } from './journal.ts';
import { present } from './moves.ts';
import { planPairs } from './plan-pairs.ts';
import { anchorOf } from './staging.ts';
import { isSameRun } from './token.ts';
import { beginSwap, goBack, settleJournal, underLease } from './work.ts';
import type { FencingToken } from '../../domain/fencing-token.ts';
import type { SwapTarget, SwapOptions } from './target-types.ts';

export { clearLive } from './clear-live.ts';

/**
 * What stands on disk.
 * - `none`: never swapped, or the journal is gone
 * - `swapping`, `backing`: in progress or killed half way; `settle` finishes it
 * - `swapped`: the staged data is live, the old data is aside
 * - `back`: the old data is live again
 */
type SwapPhase = 'none' | 'swapping' | 'swapped' | 'backing' | 'back';

export interface SwapState {
  readonly phase: SwapPhase;
  /** Token of the attempt that wrote the journal. */
  readonly token?: FencingToken;
  /** Paths of old data that still exist, this run's and those of earlier runs. */
  readonly safetyCopies: readonly string[];
  /** Those of the attempt that wrote the journal. */
  readonly ownCopies: readonly string[];
}

/**
 * Makes every staged path live; the old data is kept beside it as `<live>.lifeboat-aside-<run>`.
 * A second call of the same run after success does nothing; an interrupted swap of the same run goes forward,
 * one of another run is settled first.
 * Before anything moves: every staged path exists and lies on the filesystem of its live path.
 * Errors: Fenced, LockHeld, Precondition, PermissionDenied, SwapIncomplete.
 */
export async function swapIn(options: SwapOptions): Promise<void> {
  await underLease(options, async (work) => {
    await settleJournal(work);
    const last = await work.read();
    if (last?.phase === 'swapped' && isSameRun(last.token, options.token)) return;
    await beginSwap(await planPairs(options), work);
  });
}

/**
 * Puts the old data back and the restored data into its staging path; a live path that was absent before is absent
 * again. Does nothing where this run swapped nothing (or already went back): safe at any state.
 * Errors: Fenced, LockHeld, Precondition (the safety copy was discarded), SwapIncomplete.
 */
export async function swapBack(target: SwapTarget): Promise<'restored' | 'nothing'> {
  return underLease(target, async (work) => {
    const journal = await work.read();
    if (journal === undefined) return 'nothing';
    if (!isSameRun(journal.token, target.token)) {
      await settleJournal(work);
      return 'nothing';
    }
    if (journal.phase === 'back') return 'nothing';
    refuseWithoutCopies(journal);
    await goBack(journal, work);
    return 'restored';
  });
}

/** Reads only; takes no lease. */
export async function swapState(target: Pick<SwapTarget, 'component' | 'lives'>): Promise<SwapState> {
  const journal = await readJournal(await anchorOf(target.lives), target.component);
  if (journal === undefined) return { phase: 'none', safetyCopies: [], ownCopies: [] };
  const safetyCopies = safetyCopiesOf(journal)
    .map(({ path }) => path)
    .filter(present);
  const earlier = new Set(journal.earlier.map(({ path }) => path));
  const ownCopies = safetyCopies.filter((path) => !earlier.has(path));
  return { phase: journal.phase, token: journal.token, safetyCopies, ownCopies };
}

/** Before a finished swap is turned back: is there anything to go back to? */
function refuseWithoutCopies(journal: Journal): void {
  if (journal.phase !== 'swapped') return;
  const gone = journal.pairs.find((pair) => lacksCopy(pair));
  if (gone === undefined) return;
  throw new LifeboatError('Precondition', `the safety copy \`${gone.aside}\` of \`${gone.live}\` is gone`, {
    component: journal.component,
    hint: 'restore an earlier recovery point instead',
  });
}

function lacksCopy(pair: JournalPair): boolean {
  return pair.liveExisted && pair.aside !== '' && !present(pair.aside);
}
