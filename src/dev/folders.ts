/** Where engines are cached and where state lies: the same answer in set-up, demo, tests and a plain `node src/…`. */
import { homedir } from 'node:os';
import { join } from 'node:path';

const systemCache = '/var/cache/lifeboat';

/**
 * Folders that may hold downloaded engines and models, in the order of search. Set-up hands its own on in
 * LIFEBOAT_CACHE; without it the cache of the machine (filled by root) comes before the user's.
 */
export function cacheFolders(): string[] {
  const given = process.env['LIFEBOAT_CACHE'];
  return given ? [given] : [systemCache, join(homedir(), '.cache', 'lifeboat')];
}

/** The folder for running data: short, because Unix sockets lie below it, and writable for the current user only. */
export function stateFolder(): string {
  return process.env['LIFEBOAT_STATE'] || `/var/tmp/lifeboat-${process.getuid?.() ?? 0}`;
}
