/**
 * Puts a folder's files out of the page cache. `dd` asks the kernel for it file by file (POSIX_FADV_DONTNEED), which
 * needs no root and leaves programs and the live data warm: what a restore on a running host meets.
 */
import { runScript } from './command.ts';
import { findCommand } from './command.ts';

/** More than this share left in the cache is not cold. */
const warmShare = 0.02;

/** True if the folder's files are cold now; false where this machine cannot do it or tell it (the row is not measured then). */
export async function chill(folder: string): Promise<boolean> {
  if (process.platform !== 'linux' || findCommand('fincore') === undefined) return false;
  await runScript(
    'sync; find "$FOLDER" -type f -size +0 -exec sh -c \'for f; do dd if="$f" iflag=nocache count=0 status=none; done\' sh {} +',
    {
      env: { FOLDER: folder },
    },
  );
  const { stdout } = await runScript(
    'find "$FOLDER" -type f -size +0 -exec fincore --bytes --noheadings --output RES,SIZE {} +',
    {
      env: { FOLDER: folder },
    },
  );
  const sums = stdout
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .reduce(([resident, size], [r = 0, s = 0]) => [resident! + r, size! + s], [0, 0]);
  return sums[0]! <= warmShare * sums[1]!;
}
