/** Every repository carries its own way out: `restore.sh` and `RESTORE.md`. */
import { readFile } from 'node:fs/promises';
import type { Storage } from '../../storage/storage.ts';
import { layout } from '../layout.ts';

const scripts = [
  { key: layout.restoreScript, file: new URL('./restore.sh', import.meta.url) },
  { key: layout.restoreGuide, file: new URL('./RESTORE.md', import.meta.url) },
];

/** Writes them where they are absent or of an older version; a newer one stays. */
export async function putRescueScripts(storage: Storage): Promise<void> {
  for (const { key, file } of scripts) {
    const own = await readFile(file);
    const info = await storage.stat(key);
    if (info === undefined) await storage.putIfAbsent(key, own);
    else if (versionOf(await storage.read(key)) < versionOf(own)) await storage.replaceIf(key, info.version, own);
  }
}

/** The number after `lifeboat-restore` in the first lines; 0 for a file without one. */
function versionOf(script: Uint8Array): number {
  const head = Buffer.from(script.subarray(0, 200)).toString('latin1');
  return Number(/lifeboat-restore (\d+)/.exec(head)?.[1] ?? 0);
}
