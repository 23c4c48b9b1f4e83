/** Finds the processes of this host that use what lies in a folder. */
import { readFile, readdir, readlink, realpath } from 'node:fs/promises';
import { isAbsolute, relative } from 'node:path';
import type { Holder } from '../target.ts';

/** Processes of other users cannot be looked into without root: whoever asks must have a second proof for those. */
export async function holdersOf(path: string): Promise<Holder[]> {
  const real = await realpath(path).catch(() => path);
  const holders: Holder[] = [];
  for (const entry of await readdir('/proc').catch(() => [])) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    const by = await howHeld(pid, real);
    if (by === undefined) continue;
    const name = (await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')).trim();
    holders.push({ pid, name, by });
  }
  return holders;
}

async function howHeld(pid: number, folder: string): Promise<Holder['by'] | undefined> {
  for (const fd of await readdir(`/proc/${pid}/fd`).catch(() => []))
    if (isBelow(await readlink(`/proc/${pid}/fd/${fd}`).catch(() => ''), folder)) return 'file';
  return isBelow(await readlink(`/proc/${pid}/cwd`).catch(() => ''), folder) ? 'folder' : undefined;
}

function isBelow(path: string, folder: string): boolean {
  const below = relative(folder, path);
  return path !== '' && !below.startsWith('..') && !isAbsolute(below);
}
