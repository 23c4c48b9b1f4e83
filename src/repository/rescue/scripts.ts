/**
 * Every repository carries its own way out: `restore.sh` and `RESTORE.md`. People run the one with the key, told by the
 * other, so both are compared with what Lifeboat writes: nothing else in a repository would notice that they were exchanged.
 */
import { readFile } from 'node:fs/promises';
import type { Storage } from '../../storage/storage.ts';
import { digestOf, isUnreadable } from '../document.ts';
import { layout } from '../layout.ts';
import { earlierScripts } from './earlier.ts';

const scripts = [
  { key: layout.restoreScript, file: new URL('./restore.sh', import.meta.url) },
  { key: layout.restoreGuide, file: new URL('./RESTORE.md', import.meta.url) },
];

export interface RescueScript {
  readonly key: string;
  /**
   * `own`: as this Lifeboat writes it. `earlier`: as an earlier one did. `newer`: it names a version that this one does
   * not know. `foreign`: no Lifeboat wrote it. `unreadable`, `absent`.
   */
  readonly state: 'own' | 'earlier' | 'newer' | 'foreign' | 'unreadable' | 'absent';
  /** The version that the file there names; 0 where it names none. */
  readonly version: number;
  readonly ownVersion: number;
  /** SHA-256 of the file that this version writes. */
  readonly ownSha256: string;
  /** Why it cannot be read; else empty. */
  readonly problem: string;
}

interface Context {
  readonly storage: Storage;
  readonly warn: (message: string) => void;
}

/**
 * Writes them where they are absent or of an earlier version; one that names a newer version stays. What no Lifeboat wrote
 * gives way as well, its bytes kept below `damaged/`.
 */
export async function putRescueScripts({ storage, warn }: Context): Promise<void> {
  for (const { key, file } of scripts) {
    const own = await readFile(file);
    const { state } = await inspect(storage, key, own);
    if (state === 'own' || state === 'newer' || state === 'unreadable') continue;
    if (state === 'absent') {
      await storage.putIfAbsent(key, own);
      continue;
    }
    const standing = await storage.stat(key);
    if (standing === undefined) continue;
    if (state === 'foreign') {
      await storage.putIfAbsent(layout.damaged(key), await storage.read(key));
      warn(
        `${key} in ${storage.description} was not written by any Lifeboat: it is replaced, its bytes are in ${layout.damaged(key)}`,
      );
    }
    await storage.replaceIf(key, standing.version, own);
  }
}

/** Compares both with what Lifeboat writes; changes nothing. */
export async function inspectRescueScripts(storage: Storage): Promise<RescueScript[]> {
  return Promise.all(scripts.map(async ({ key, file }) => inspect(storage, key, await readFile(file))));
}

/** SHA-256 of the `restore.sh` that this Lifeboat writes, for the recovery kit. */
export async function restoreScriptSum(): Promise<string> {
  return digestOf(await readFile(new URL('./restore.sh', import.meta.url)));
}

async function inspect(storage: Storage, key: string, own: Uint8Array): Promise<RescueScript> {
  const facts = { key, ownVersion: versionOf(own), ownSha256: digestOf(own), problem: '' };
  if ((await storage.stat(key)) === undefined) return { ...facts, state: 'absent', version: 0 };
  try {
    const standing = await storage.read(key);
    const version = versionOf(standing);
    return { ...facts, version, state: stateOf(key, { version, sha256: digestOf(standing) }, facts) };
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    return { ...facts, state: 'unreadable', version: 0, problem: error.message };
  }
}

function stateOf(
  key: string,
  standing: { readonly version: number; readonly sha256: string },
  { ownVersion, ownSha256 }: { readonly ownVersion: number; readonly ownSha256: string },
): RescueScript['state'] {
  if (standing.sha256 === ownSha256) return 'own';
  if (standing.version > ownVersion) return 'newer';
  return (earlierScripts[key]?.[standing.version] ?? []).includes(standing.sha256) ? 'earlier' : 'foreign';
}

/** The number after `lifeboat-restore` in the first lines; 0 for a file without one. */
export function versionOf(script: Uint8Array): number {
  const head = Buffer.from(script.subarray(0, 200)).toString('latin1');
  return Number(/lifeboat-restore (\d+)/.exec(head)?.[1] ?? 0);
}
