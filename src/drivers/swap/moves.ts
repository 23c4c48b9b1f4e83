/**
 * The moves of one pair, forward and back. Each can be called again after a kill at any point: what a phase in the
 * journal leaves open is read from the disk, where staged and old data have names that only this run uses.
 */
import { existsSync, lstatSync, readdirSync, readlinkSync, renameSync, symlinkSync, unlinkSync } from 'node:fs';
import { chmod, chown, lstat, mkdir, rmdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { LifeboatError } from '../../domain/errors.ts';
import { childPath, syncFolder } from './disk.ts';
import type { JournalPair } from './journal.ts';
import { isLifeboatName } from './names.ts';

export interface MoveContext {
  readonly component: string;
  /** Directly before each move. */
  guard(): void;
  /** Makes the pair's phase durable, then reports the step. */
  record(pair: JournalPair, phase: JournalPair['phase']): Promise<void>;
  step(name: string): Promise<void>;
}

/** Whether this pair can still go forward, because everything is there that its remaining moves need. */
export function canGoForward(pair: JournalPair): boolean {
  if (pair.remove || pair.phase === 'live') return true;
  if (pair.phase === 'back-out' || pair.phase === 'back-in') return false;
  if (present(pair.staged)) return true;
  return pair.phase === 'aside' && present(pair.pointer?.generation ?? pair.live);
}

export async function moveForward(pair: JournalPair, context: MoveContext): Promise<void> {
  if (pair.phase === 'live') return;
  if (pair.mode === 'exchange') return exchangeForward(pair, context);
  if (pair.mode === 'pointer') return pointerForward(pair, context);
  return renameForward(pair, context);
}

export async function moveBack(pair: JournalPair, context: MoveContext): Promise<void> {
  if (pair.mode === 'exchange') return exchangeBack(pair, context);
  if (pair.mode === 'pointer') return pointerBack(pair, context);
  return renameBack(pair, context);
}

async function renameForward(pair: JournalPair, context: MoveContext): Promise<void> {
  if (pair.phase === 'before') {
    if (pair.liveExisted && !present(pair.aside)) {
      if (present(pair.live)) await move(pair.live, pair.aside, context);
      else pair.liveExisted = false;
    }
    await context.record(pair, 'aside');
  }
  if (!pair.remove && present(pair.staged)) {
    if (present(pair.live)) throw appeared(pair, context);
    await move(pair.staged, pair.live, context);
  }
  await context.record(pair, 'live');
}

async function renameBack(pair: JournalPair, context: MoveContext): Promise<void> {
  if (pair.phase === 'live' || pair.phase === 'aside') {
    // What is live is the old data already if nothing is aside although there was something.
    const oldIsAway = !pair.liveExisted || present(pair.aside);
    if (present(pair.live) && oldIsAway) await moveToStaging(pair.live, pair, context);
    await context.record(pair, 'aside');
  }
  if (pair.liveExisted && present(pair.aside)) {
    if (present(pair.live)) throw appeared(pair, context);
    await move(pair.aside, pair.live, context);
  }
  await context.record(pair, 'before');
}

async function pointerForward(pair: JournalPair, context: MoveContext): Promise<void> {
  const pointer = pointerOf(pair);
  if (pair.phase === 'before') {
    if (present(pair.staged) && !present(pointer.generation)) await move(pair.staged, pointer.generation, context);
    await context.record(pair, 'aside');
  }
  await repoint(pair, pointer.newText, context);
  await context.record(pair, 'live');
}

async function pointerBack(pair: JournalPair, context: MoveContext): Promise<void> {
  const pointer = pointerOf(pair);
  await repoint(pair, pointer.oldText, context);
  await context.record(pair, 'aside');
  // Old data that was put back has kept its name.
  if (pointer.generation !== pair.staged && present(pointer.generation))
    await moveToStaging(pointer.generation, pair, context);
  await context.record(pair, 'before');
}

async function repoint(pair: JournalPair, text: string, context: MoveContext): Promise<void> {
  if (present(pair.live) && readlinkSync(pair.live) === text) return;
  const temporary = `${pair.live}.lifeboat-link`;
  if (present(temporary)) unlinkSync(temporary);
  symlinkSync(text, temporary);
  await move(temporary, pair.live, context);
}

async function exchangeForward(pair: JournalPair, context: MoveContext): Promise<void> {
  if (pair.phase === 'before') {
    await makeFolder(pair.aside, pair);
    await context.record(pair, 'out');
  }
  if (pair.phase === 'out') {
    await moveChildren(pair.live, pair.aside, context);
    await context.record(pair, 'in');
  }
  if (!pair.remove && present(pair.staged)) {
    await moveChildren(pair.staged, pair.live, context);
    const staged = await lstat(pair.staged);
    await takeOver(pair.live, staged);
  }
  await context.record(pair, 'live');
}

async function exchangeBack(pair: JournalPair, context: MoveContext): Promise<void> {
  if (pair.phase === 'live' || pair.phase === 'in' || pair.phase === 'back-out') {
    if (pair.phase !== 'back-out') await context.record(pair, 'back-out');
    await makeFolder(pair.staged, pair);
    await moveChildren(pair.live, pair.staged, context);
    await context.record(pair, 'back-in');
  }
  if (pair.phase !== 'before' || present(pair.aside)) {
    if (present(pair.aside)) {
      await moveChildren(pair.aside, pair.live, context);
      await rmdir(pair.aside);
    }
    if (pair.root !== undefined) await takeOver(pair.live, pair.root);
  }
  await context.record(pair, 'before');
}

/** Names are bytes; ours, and the file system's own `lost+found`, stay where they are. */
async function moveChildren(from: string, to: string, context: MoveContext): Promise<void> {
  for (const name of readdirSync(from, { encoding: 'buffer' })) {
    const text = name.toString('latin1');
    if (isLifeboatName(text) || text === 'lost+found') continue;
    const target = childPath(Buffer.from(to), name);
    if (present(target))
      throw new LifeboatError('SwapIncomplete', `\`${target.toString()}\` exists already`, {
        component: context.component,
      });
    context.guard();
    renameSync(childPath(Buffer.from(from), name), target);
    await context.step(`moved ${text}`);
  }
  await syncFolder(from);
  await syncFolder(to);
}

async function makeFolder(path: string, pair: JournalPair): Promise<void> {
  await mkdir(path, { mode: 0o700, recursive: true });
  // An engine that reads its own folder as its own user must be able to pass ours.
  if (pair.root !== undefined && process.getuid?.() === 0) await chown(path, pair.root.uid, pair.root.gid);
}

async function takeOver(live: string, like: { mode: number; uid: number; gid: number }): Promise<void> {
  const now = await lstat(live);
  // A mount root may belong to somebody else: then its rights are the host's business.
  if (process.getuid?.() !== 0 && now.uid !== process.getuid?.()) return;
  if (process.getuid?.() === 0) await chown(live, like.uid, like.gid);
  await chmod(live, like.mode & 0o7777);
}

/** The staging may be gone (a commit removed it), or hold something again. */
async function moveToStaging(from: string, pair: JournalPair, context: MoveContext): Promise<void> {
  await mkdir(dirname(pair.staged), { recursive: true, mode: 0o700 });
  await move(from, freeName(pair.staged), context);
}

async function move(from: string, to: string, context: MoveContext): Promise<void> {
  context.guard();
  renameSync(from, to);
  await syncFolder(dirname(to));
  if (dirname(from) !== dirname(to)) await syncFolder(dirname(from));
  await context.step(`moved ${from} to ${to}`);
}

/** Exists as a name, whatever a link leads to. */
export function present(path: string | Buffer): boolean {
  return existsSync(path) || lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function freeName(staged: string): string {
  for (let number = 0; ; number++) {
    const name = number === 0 ? staged : `${staged}-found${number}`;
    if (!present(name)) return name;
  }
}

function pointerOf(pair: JournalPair): {
  readonly oldText: string;
  readonly newText: string;
  readonly generation: string;
} {
  if (pair.pointer === undefined)
    throw new LifeboatError('Internal', `the journal of \`${pair.live}\` lacks its link texts`);
  return pair.pointer;
}

function appeared(pair: JournalPair, context: MoveContext): LifeboatError {
  return new LifeboatError(
    'SwapIncomplete',
    `\`${pair.live}\` appeared while it was being swapped; the old data is \`${pair.aside}\``,
    {
      component: context.component,
      hint: 'stop what writes there, move the new path away, and run the step again',
    },
  );
}
