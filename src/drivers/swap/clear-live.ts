/** The one way in which live data leaves for good. */
import { renameSync } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFolder } from './disk.ts';
import { damagedName, isLifeboatName } from './names.ts';
import { placeOf } from './place.ts';
import { removeTree } from './remove-tree.ts';
import { settleJournal, underLease } from './work.ts';
import type { SwapTarget } from './target-types.ts';

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
