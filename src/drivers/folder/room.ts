/** Sees to it that there is room for a second copy beside the live data, before the first byte is fetched. */
import { LifeboatError } from '../../domain/errors.ts';
import { deviceOf, freeBytes, nearestExisting } from '../swap/disk.ts';
import { treeBytes } from '../tree/tree-threads.ts';
import { placeOf } from '../swap/place.ts';

export interface RoomOptions {
  readonly component: string;
  /** Removes what killed attempts staged. Called only where it may be what is in the way. */
  readonly removeLeftovers: () => Promise<void>;
  /** `--replace-damaged`. Asked only where two copies do not fit and one does: data that can be kept is kept. */
  readonly replace?: ReplaceDamaged;
}

export interface ReplaceDamaged {
  /** Live paths that failed their own check. Precondition where none did. */
  readonly damaged: () => Promise<readonly string[]>;
  /** Deletes them. Called only where that makes enough room. */
  readonly clear: (lives: readonly string[]) => Promise<void>;
}

/** `needs` is live path to the bytes that will be staged for it. NoSpace, naming the path and the bytes. */
export async function ensureRoom(
  needs: ReadonlyMap<string, number>,
  { component, removeLeftovers, replace }: RoomOptions,
): Promise<void> {
  const disks = await perFilesystem(needs);
  if (await haveRoom(disks)) return;
  await removeLeftovers();
  if (await haveRoom(disks)) return;
  if (replace === undefined) return requireRoom(disks, [], component);
  // A check may read all live data: not where even all of it is too little.
  await requireRoom(disks, [...needs.keys()], component);
  const damaged = await replace.damaged();
  await requireRoom(disks, damaged, component);
  await replace.clear(damaged);
}

/** What `--replace-damaged` meets where the live data is good. */
export function notDamaged(lives: readonly string[], component: string): LifeboatError {
  const paths = lives.map((live) => `\`${live}\``).join(', ');
  return new LifeboatError('Precondition', `nothing is proven to be wrong with ${paths}`, {
    component,
    hint: 'make room and restore without --replace-damaged: then the old data stays',
  });
}

interface Disk {
  /** Where it is staged. */
  readonly folder: string;
  readonly bytes: number;
  /** Live paths, the first one for messages, and what they lead to. */
  readonly lives: readonly { readonly live: string; readonly target: string }[];
}

async function haveRoom(disks: readonly Disk[]): Promise<boolean> {
  const fits = await Promise.all(disks.map(async ({ folder, bytes }) => (await freeBytes(folder)) >= bytes));
  return fits.every((isEnough) => isEnough);
}

/** With these live paths deleted, each disk has room. */
async function requireRoom(disks: readonly Disk[], deleted: readonly string[], component: string): Promise<void> {
  for (const { folder, bytes, lives } of disks) {
    const free = await freeBytes(folder);
    const gained = await sumOf(lives.filter(({ live }) => deleted.includes(live)).map(({ target }) => target));
    if (free + gained >= bytes) continue;
    throw new LifeboatError(
      'NoSpace',
      `staging beside \`${lives[0]?.live ?? folder}\` needs ${bytes} bytes, ${free} are free`,
      {
        component,
        hint: `free ${bytes - free - gained} bytes on the filesystem of ${await nearestExisting(folder)}; nothing was switched`,
      },
    );
  }
}

async function perFilesystem(needs: ReadonlyMap<string, number>): Promise<Disk[]> {
  const disks = new Map<string, Disk>();
  for (const [live, bytes] of needs) {
    const { folder, target } = await placeOf(live);
    const device = await deviceOf(folder);
    const known = disks.get(device) ?? { folder, bytes: 0, lives: [] };
    disks.set(device, { ...known, bytes: known.bytes + bytes, lives: [...known.lives, { live, target }] });
  }
  return [...disks.values()];
}

async function sumOf(paths: readonly string[]): Promise<number> {
  const bytes = await Promise.all(paths.map(treeBytes));
  return bytes.reduce((sum, part) => sum + part, 0);
}
