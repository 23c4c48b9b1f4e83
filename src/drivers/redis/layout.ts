/** How a data directory must lie so that the server finds the restored keys. */
import { chmod, chown, copyFile, link, mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { syncFile, syncFolder } from '../swap/disk.ts';
import { quoteWord } from './config-text.ts';
import { dumpPath, type RedisFacts } from './facts.ts';
import type { AppendFiles, Layout } from './possible-starts.ts';

type Version = Pick<RedisFacts, 'serverVersion'>;

/**
 * X5: with `appendonly yes` Redis reads its append-only files and ignores a lone dump (0 keys). Since 7.0 these are a
 * base file, here the dump itself, and a manifest that names it; before 7.0 one file that may begin with a dump.
 * What was not used goes at the commit (`unused-files.ts`): turned on later, it would be read in the place of everything
 * that was written since.
 */
export async function layOut(folder: string, { dumps, appends }: Layout, version: Version): Promise<void> {
  const [first, ...others] = dumps;
  const dump = join(folder, first);
  if (first !== dumpPath) await rename(join(folder, dumpPath), dump);
  for (const name of others) await linkOrCopy(dump, join(folder, name));
  for (const append of appends) {
    if (hasManifest(version)) await writeAppendFolder(dump, folder, append);
    // One file that the server appends to in place: it must not be the same inode as the dump.
    else await copyFile(dump, join(folder, append.name));
  }
  await syncFile(dump);
  await syncFolder(folder);
}

export function hasManifest({ serverVersion }: Version): boolean {
  return Number(serverVersion.split('.')[0]) >= 7;
}

export function appendPaths(folder: string, append: AppendFiles) {
  const inside = join(folder, append.folder);
  return {
    inside,
    base: join(inside, baseName(append)),
    manifest: join(inside, `${append.name}.manifest`),
    /** As it is laid out: a server that uses it adds a line when it starts. */
    manifestText: `file ${quoteWord(baseName(append))} seq 1 type b\n`,
  };
}

function baseName({ name }: AppendFiles): string {
  return `${name}.1.base.rdb`;
}

async function writeAppendFolder(dump: string, folder: string, append: AppendFiles): Promise<void> {
  const { inside, base, manifest, manifestText } = appendPaths(folder, append);
  await mkdir(inside, { recursive: true, mode: 0o700 });
  await linkOrCopy(dump, base);
  await writeFile(manifest, manifestText, { mode: 0o600 });
  await syncFile(base);
  await syncFile(manifest);
  await syncFolder(inside);
}

/** Redis replaces a dump and a base file by other files and never changes either in place, so one inode may have all names. */
async function linkOrCopy(from: string, to: string): Promise<void> {
  await link(from, to).catch(async () => copyFile(from, to));
}

/** For a private server, which takes the dump by its usual name and may write in its own folder. */
export function privateLayout({ appends }: Layout): Layout {
  return { dumps: [dumpPath], appends: appends.slice(0, 1) };
}

/** A second folder with the same files under those names. */
export async function linkLayout(from: string, to: string, layout: Layout, version: Version): Promise<void> {
  await link(join(from, layout.dumps[0]), join(to, dumpPath));
  await layOut(to, privateLayout(layout), version);
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
export function layoutPaths(folder: string, { dumps, appends }: Layout, version: Version): string[] {
  return [
    folder,
    ...dumps.map((name) => join(folder, name)),
    ...appends.flatMap((append) => {
      if (!hasManifest(version)) return [join(folder, append.name)];
      const { inside, base, manifest } = appendPaths(folder, append);
      return [inside, base, manifest];
    }),
  ];
}

export async function setMode(folder: string, mode: number): Promise<void> {
  await chmod(folder, mode);
  await syncFolder(dirname(folder));
}
