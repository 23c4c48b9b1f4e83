/** The two ways in which live or old data leaves for good. */
import { renameSync } from 'node:fs';
import { lstat, mkdir, readdir, realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { syncFolder } from './disk.ts';
import { safetyCopiesOf, type SafetyCopy } from './journal.ts';
import { present } from './moves.ts';
import { asideName, damagedName, isLifeboatName } from './names.ts';
import { placeOf } from './place.ts';
import { removeTree } from './remove-tree.ts';
import { settleJournal, underLease, type SwapWork } from './work.ts';
import type { SwapTarget } from './target-types.ts';

/** Deletes the old data of finished swaps; settles first. Returns the paths that were removed. Errors: Fenced, LockHeld. */
export async function discardSafetyCopies(target: SwapTarget): Promise<readonly string[]> {
  return underLease(target, async (work) => {
    await settleJournal(work);
    const journal = await work.read();
    if (journal === undefined) return [];
    const removed: string[] = [];
    for (const copy of safetyCopiesOf(journal)) {
      if (!present(copy.path)) continue;
      await discard(copy, work);
      removed.push(copy.path);
    }
    journal.earlier.length = 0;
    await work.write(journal);
    return removed;
  });
}

/**
 * `--replace-damaged`: deletes live data (all of the target, or these paths of it) before the new is staged, for there is
 * no room for both. There is no way back from it. Only for data that failed its own check, with its services stopped,
 * when the recovery point is verified. Settles first. Errors: Fenced, LockHeld, PermissionDenied.
 */
export async function clearLive(target: SwapTarget, lives: readonly string[] = target.lives): Promise<void> {
  await underLease(target, async (work) => {
    await settleJournal(work);
    for (const live of lives) {
      const place = await placeOf(live);
      if (!place.exists) continue;
      const away = join(place.folder, damagedName(target.component, target.token, live));
      if (place.mode === 'exchange') {
        await mkdir(away, { recursive: true, mode: 0o700 });
        for (const name of await readdir(live)) {
          if (isLifeboatName(name) || name === 'lost+found') continue;
          work.guard();
          renameSync(join(live, name), join(away, name));
        }
      } else {
        await removeTree(away);
        work.guard();
        renameSync(place.target, away);
      }
      await syncFolder(place.folder);
      await work.step(`cleared ${live}`);
      await removeTree(away);
    }
  });
}

async function discard(copy: SafetyCopy, work: SwapWork): Promise<void> {
  let path = copy.path;
  if (copy.kind === 'target') {
    // Data under a name that people gave it: only once the link leads elsewhere, and by way of a name of ours.
    if ((await realpath(copy.live).catch(() => undefined)) === (await realpath(path))) return;
    path = join(dirname(path), asideName(work.component, work.target.token, path));
    work.guard();
    renameSync(copy.path, path);
    await syncFolder(dirname(path));
  }
  await lstat(path);
  work.guard();
  await removeTree(path);
  await work.step(`discarded ${copy.path}`);
}
