/** The journal of a swap: what is meant, what was done. Written durably before and after every move. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { causes } from '../../domain/causes.ts';
import { LifeboatError } from '../../domain/errors.ts';
import { refusedHint } from '../../domain/refused-access.ts';
import { z } from 'zod';
import { parseJson } from '../../json/parse-json.ts';
import { writeDurably } from './disk.ts';
import { journalName } from './names.ts';
import type { SwapMode } from './place.ts';
import { fencingTokenSchema } from './token.ts';
import type { FencingToken } from '../../domain/fencing-token.ts';

export const journalFormat = 1;

export interface Journal {
  readonly format: typeof journalFormat;
  readonly component: string;
  readonly token: FencingToken;
  phase: 'swapping' | 'swapped' | 'backing' | 'back';
  readonly pairs: JournalPair[];
  /** Old data that earlier runs left. */
  readonly earlier: SafetyCopy[];
  /** The swap that this one was put on top of: what can be put back once this one is undone. */
  readonly under?: FinishedSwap;
}

/** A swap whose data went live. */
export interface FinishedSwap {
  readonly token: FencingToken;
  readonly pairs: readonly JournalPair[];
}

/**
 * One pair. `before` and `live` are the two ends.
 * - rename: `aside` = the old data is aside, the new not yet live
 * - pointer: `aside` = the new data has its lasting name, the link still shows the old
 * - exchange: `out`, `in` = the old children are leaving, the new ones coming; `back-out`, `back-in` the same backwards
 */
export interface JournalPair {
  readonly live: string;
  readonly mode: SwapMode;
  /** Where the new data comes from, and where it goes back to. */
  readonly staged: string;
  readonly remove: boolean;
  /** Rename and exchange: old data. Pointer: the old target, which stays where it is (empty if it is gone). */
  readonly aside: string;
  liveExisted: boolean;
  phase: 'before' | 'aside' | 'live' | 'out' | 'in' | 'back-out' | 'back-in';
  readonly pointer?: { readonly oldText: string; readonly newText: string; readonly generation: string };
  /** Exchange: mode and owner that the root had. */
  readonly root?: { readonly mode: number; readonly uid: number; readonly gid: number };
}

export interface SafetyCopy {
  readonly path: string;
  /** `target`: data under its own name that a link no longer shows. */
  readonly kind: 'aside' | 'target';
  readonly live: string;
}

const pairSchema = z.object({
  live: z.string(),
  mode: z.enum(['rename', 'exchange', 'pointer']),
  staged: z.string(),
  remove: z.boolean(),
  aside: z.string(),
  liveExisted: z.boolean(),
  phase: z.enum(['before', 'aside', 'live', 'out', 'in', 'back-out', 'back-in']),
  pointer: z.object({ oldText: z.string(), newText: z.string(), generation: z.string() }).exactOptional(),
  root: z.object({ mode: z.number(), uid: z.number(), gid: z.number() }).exactOptional(),
});

const journalSchema: z.ZodType<Journal> = z.object({
  format: z.literal(journalFormat),
  component: z.string(),
  token: fencingTokenSchema,
  phase: z.enum(['swapping', 'swapped', 'backing', 'back']),
  pairs: z.array(pairSchema),
  earlier: z.array(z.object({ path: z.string(), kind: z.enum(['aside', 'target']), live: z.string() })),
  under: z.object({ token: fencingTokenSchema, pairs: z.array(pairSchema) }).exactOptional(),
});

export async function readJournal(anchor: string, component: string): Promise<Journal | undefined> {
  const path = join(anchor, journalName(component));
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new LifeboatError('PermissionDenied', `cannot read the swap journal \`${path}\`: ${code}`, {
      component,
      hint: refusedHint(code, process.getuid?.()),
      cause: error,
    });
  }
  return parsed(text, path, component);
}

/** It is written durably before each move: only a disk or a hand spoils it. */
function parsed(text: string, path: string, component: string): Journal {
  let format: unknown;
  try {
    const json = parseJson(text);
    ({ format } = z.object({ format: z.unknown() }).parse(json));
    if (format === journalFormat) return journalSchema.parse(json);
  } catch (error) {
    const what = error instanceof z.ZodError ? z.prettifyError(error) : (error as Error).message;
    throw new LifeboatError('SwapIncomplete', `the swap journal \`${path}\` is damaged: ${what}`, {
      component,
      hint: causes.spoiledJournal.hint,
      cause: error,
    });
  }
  throw new LifeboatError('FormatTooNew', `the swap journal \`${path}\` has format ${String(format)}`, { component });
}

export async function writeJournal(
  anchor: string,
  journal: Journal,
  owner?: { uid: number; gid: number },
): Promise<void> {
  await writeDurably(join(anchor, journalName(journal.component)), `${JSON.stringify(journal, undefined, 2)}\n`, owner);
}

/** Old data of a finished or unfinished swap of this journal, whether it still exists or not. */
export function safetyCopiesOf(journal: Journal): SafetyCopy[] {
  const own = journal.pairs
    .filter((pair) => pair.aside !== '' && journal.phase !== 'back')
    .map((pair): SafetyCopy => ({
      path: pair.aside,
      kind: pair.mode === 'pointer' ? 'target' : 'aside',
      live: pair.live,
    }));
  const all = [...journal.earlier, ...own];
  if (journal.phase === 'back') return all;
  // What was put back is live again, or on its way.
  const inUse = new Set(journal.pairs.map(({ staged }) => staged));
  return all.filter(({ path }) => !inUse.has(path));
}

/** The newest swap whose data is live; undefined where there was none, or one is half done. */
export function liveSwapOf(journal: Journal | undefined): FinishedSwap | undefined {
  if (journal?.phase === 'swapped') return { token: journal.token, pairs: journal.pairs };
  return journal?.phase === 'back' ? journal.under : undefined;
}
