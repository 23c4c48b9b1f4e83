import { readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { succeeds } from './commands.mjs';

/** The first of `candidates` that the run user can run with `args` successfully. */
export async function firstWorking(candidates, args, user) {
  for (const path of candidates) if (await succeeds(path, args, { user, cwd: '/' })) return path;
  return undefined;
}

export function onPath(name) {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder.startsWith('/'));
  return [...new Set([...folders, '/usr/local/bin', '/usr/bin', '/opt/homebrew/bin'])].map((folder) =>
    join(folder, name),
  );
}

/** Subfolders whose names match, the newest version first. */
export function subfolders(folder, pattern) {
  try {
    const names = readdirSync(folder).filter((name) => pattern.test(name));
    return names.sort((a, b) => b.localeCompare(a, 'en', { numeric: true })).map((name) => join(folder, name));
  } catch {
    return [];
  }
}

/** The cache of this run and, unless a person chose another, the one that root filled for the whole machine. */
export function cachesToRead(cache) {
  return process.env.LIFEBOAT_CACHE ? [cache] : [...new Set([cache, '/var/cache/lifeboat'])];
}
