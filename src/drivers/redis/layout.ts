/** How a data directory must lie so that the server finds the restored keys. */
import { chmod, chown, copyFile, link, mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { syncFile, syncFolder } from '../swap/disk.ts';
import { quoteWord } from './config-text.ts';
import { dumpPath, type RedisFacts } from './facts.ts';

/**
 * X5: with `appendonly yes` Redis reads its append-only files and ignores a lone dump (0 keys). Since 7.0 these are a
 * base file, here the dump itself, and a manifest that names it; before 7.0 one file that may begin with a dump.
 * With `appendonly no` there must be none: turned on later, they would win over everything written since.
 */
export async function layOut(folder: string, facts: RedisFacts): Promise<void> {
  const dump = join(folder, facts.dumpName);
  if (facts.dumpName !== dumpPath) await rename(join(folder, dumpPath), dump);
  if (facts.appendOnly) {
    if (Number(facts.serverVersion.split('.')[0]) >= 7)
      await writeAppendFolder(dump, join(folder, facts.appendFolder), facts.appendName);
    // One file that the server appends to in place: it must not be the same inode as the dump.
    else await copyFile(dump, join(folder, facts.appendName));
  }
  await syncFile(dump);
  await syncFolder(folder);
}

async function writeAppendFolder(dump: string, folder: string, name: string): Promise<void> {
  const base = `${name}.1.base.rdb`;
  await mkdir(folder, { mode: 0o700 });
  // Redis replaces both names by other files and never changes either in place, so one inode may have both.
  await link(dump, join(folder, base)).catch(async () => copyFile(dump, join(folder, base)));
  await writeFile(join(folder, `${name}.manifest`), `file ${quoteWord(base)} seq 1 type b\n`, { mode: 0o600 });
  await syncFile(join(folder, base));
  await syncFile(join(folder, `${name}.manifest`));
  await syncFolder(folder);
}

/** A second folder with the same files under other names, for a private server that may write in its own. */
export async function linkLayout(from: string, to: string, facts: RedisFacts): Promise<void> {
  await link(join(from, facts.dumpName), join(to, dumpPath));
  await layOut(to, { ...facts, dumpName: dumpPath });
}

/** Files made by root go to the engine's user. */
export async function giveTo(
  paths: readonly string[],
  owner: { readonly uid: number; readonly gid: number },
): Promise<void> {
  if (process.getuid?.() !== 0) return;
  for (const path of paths) await chown(path, owner.uid, owner.gid);
}

/** Everything that `layOut` may have made, folders first. */
export function layoutPaths(folder: string, facts: RedisFacts): string[] {
  const paths = [folder, join(folder, facts.dumpName)];
  if (!facts.appendOnly) return paths;
  if (Number(facts.serverVersion.split('.')[0]) < 7) return [...paths, join(folder, facts.appendName)];
  const append = join(folder, facts.appendFolder);
  return [
    ...paths,
    append,
    join(append, `${facts.appendName}.1.base.rdb`),
    join(append, `${facts.appendName}.manifest`),
  ];
}

export async function setMode(folder: string, mode: number): Promise<void> {
  await chmod(folder, mode);
  await syncFolder(dirname(folder));
}
