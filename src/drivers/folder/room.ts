/** Is there room for a second copy beside the live data? Asked before the first byte is fetched. */
import { LifeboatError } from '../../domain/errors.ts';
import { deviceOf, freeBytes, nearestExisting, treeBytes } from '../swap/disk.ts';
import { placeOf } from '../swap/place.ts';

export interface RoomOptions {
  readonly component: string;
  /**
   * `--replace-damaged`: deletes the live data, or refuses to. Called only where two copies do not fit and one does:
   * data that can be kept is kept.
   */
  readonly makeRoom?: () => Promise<void>;
}

/** `needs` is live path to the bytes that will be staged for it. NoSpace, naming the path and the bytes. */
export async function ensureRoom(
  needs: ReadonlyMap<string, number>,
  { component, makeRoom }: RoomOptions,
): Promise<void> {
  let isShort = false;
  for (const { live, folder, bytes, lives } of (await perFilesystem(needs)).values()) {
    const free = await freeBytes(folder);
    if (free >= bytes) continue;
    const gained = makeRoom === undefined ? 0 : await sumOf(lives);
    if (free + gained < bytes) {
      throw new LifeboatError('NoSpace', `staging beside \`${live}\` needs ${bytes} bytes, ${free} are free`, {
        component,
        hint: `free ${bytes - free - gained} bytes on the filesystem of ${await nearestExisting(folder)}; nothing was switched`,
      });
    }
    isShort = true;
  }
  if (isShort) await makeRoom?.();
}

interface Need {
  /** The first of the live paths, for messages. */
  readonly live: string;
  /** Where it is staged. */
  readonly folder: string;
  readonly bytes: number;
  /** What live paths lead to. */
  readonly lives: readonly string[];
}

async function perFilesystem(needs: ReadonlyMap<string, number>): Promise<Map<string, Need>> {
  const disks = new Map<string, Need>();
  for (const [live, bytes] of needs) {
    const { folder, target } = await placeOf(live);
    const device = await deviceOf(folder);
    const known = disks.get(device) ?? { live, folder, bytes: 0, lives: [] };
    disks.set(device, { ...known, bytes: known.bytes + bytes, lives: [...known.lives, target] });
  }
  return disks;
}

async function sumOf(paths: readonly string[]): Promise<number> {
  const bytes = await Promise.all(paths.map(treeBytes));
  return bytes.reduce((sum, part) => sum + part, 0);
}
