/** A file that one command at a time holds, by the number of its process: one that is gone holds nothing. */
import { randomUUID } from 'node:crypto';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { isAlive } from './detached.ts';

/** A process of another program may have the number of one that is gone: it is waited for no longer. */
const patienceMs = 180_000;

/** Returns when the file is ours; the result gives it back. `waits` is told once whom we wait for. */
export async function lockByFile(file: string, waits: (pid: number) => void): Promise<() => Promise<void>> {
  const own = `${file}-${randomUUID()}`;
  let isTold = false;
  await writeFile(own, String(process.pid), { mode: 0o600 });
  try {
    for (const last = Date.now() + patienceMs; !(await isLinked(own, file)); await delay(200)) {
      const holder = await holderOf(file);
      if (holder !== undefined && Date.now() < last && (await isAlive(holder, ''))) {
        if (!isTold) waits(holder);
        isTold = true;
      } else await takeAway(file, holder);
    }
  } finally {
    await rm(own, { force: true });
  }
  return async () => rm(file, { force: true });
}

async function isLinked(own: string, file: string): Promise<boolean> {
  try {
    await link(own, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return false;
  }
}

/** Undefined where it has just been given back, or holds no number. */
async function holderOf(file: string): Promise<number | undefined> {
  const pid = Number(await readFile(file, 'utf8').catch(() => ''));
  return Number.isInteger(pid) && pid > 0 ? pid : undefined;
}

/** Where several processes find the holder gone, one moves the file; whoever moved a newer holder's instead puts it back. */
async function takeAway(file: string, holder: number | undefined): Promise<void> {
  const aside = `${file}-${randomUUID()}`;
  try {
    await rename(file, aside);
  } catch {
    return;
  }
  if ((await holderOf(aside)) !== holder) await link(aside, file).catch(() => undefined);
  await rm(aside, { recursive: true, force: true });
}
