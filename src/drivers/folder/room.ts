/** Is there room for a second copy beside the live data? Asked before the first byte is fetched. */
import { LifeboatError } from '../../domain/errors.ts';
import { deviceOf, freeBytes, nearestExisting, treeBytes } from '../swap/disk.ts';
import { placeOf } from '../swap/place.ts';

export interface RoomOptions {
  readonly component: string;
  /** Removes what killed attempts staged. Called only where it may be what is in the way. */
  readonly removeLeftovers: () => Promise<void>;
  /**
   * `--replace-damaged`: deletes the live data, or refuses to. Called only where two copies do not fit and one does:
   * data that can be kept is kept.
   */
  readonly makeRoom?: () => Promise<void>;
}

/** `needs` is live path to the bytes that will be staged for it. NoSpace, naming the path and the bytes. */
export async function ensureRoom(
  needs: ReadonlyMap<string, number>,
  { component, removeLeftovers, makeRoom }: RoomOptions,
): Promise<void> {
  const disks = [...(await perFilesystem(needs)).values()];
  if ((await Promise.all(disks.map(fits))).every((isEnough) => isEnough)) return;
  await removeLeftovers();
  let isShort = false;
  for (const disk of disks) {
    if (await fits(disk)) continue;
    const { live, folder, bytes, lives } = disk;
    const free = await freeBytes(folder);
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

async function fits({ folder, bytes }: Need): Promise<boolean> {
  return (await freeBytes(folder)) >= bytes;
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
