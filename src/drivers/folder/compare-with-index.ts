/** Compares live files with what a sealed index says of them. Hashes are never shown: results may be stored in the clear. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { reservedFolder, type FileEntry } from '../../domain/entry.ts';
import type { ProbeResult } from '../../domain/recovery-point.ts';
import type { RestoreContext } from '../driver.ts';
import { readOwners } from '../files/owners.ts';

/** One probe per file of the index that `wanted` accepts: same bytes, mode and (as root) owner. */
export async function compareWithIndex(
  context: RestoreContext,
  root: string,
  wanted: (entry: FileEntry) => boolean,
): Promise<ProbeResult[]> {
  const owners = await readOwners();
  const results: ProbeResult[] = [];
  for await (const entry of context.repository.readIndex(context.record.indexId, context.signal)) {
    if (entry.type !== 'file' || entry.path.startsWith(`${reservedFolder}/`) || !wanted(entry)) continue;
    const actual = await describeLive(join(root, entry.path), entry);
    const expected = `${entry.size} bytes as captured, ${describeOwner({ mode: entry.mode, ...owners.resolve(entry) })}`;
    results.push({
      component: context.record.id,
      name: `file ${entry.path}`,
      expected,
      actual,
      ok: actual === expected,
    });
  }
  // An index lists files as their reading ended; people compare reports.
  return results.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

async function describeLive(path: string, entry: FileEntry): Promise<string> {
  const stats = await lstat(path).catch(() => undefined);
  if (stats === undefined) return 'absent';
  if (!stats.isFile()) return 'not a file';
  const same = stats.size === entry.size && (await sha256Of(path)) === entry.sha256;
  return `${stats.size} bytes ${same ? 'as captured' : 'of other content'}, ${describeOwner({ mode: stats.mode & 0o7777, uid: stats.uid, gid: stats.gid })}`;
}

/** Without root every restored file belongs to the running user: then only the mode can be right or wrong. */
function describeOwner({
  mode,
  uid,
  gid,
}: {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}): string {
  const owner = process.getuid?.() === 0 ? `, owner ${uid}:${gid}` : '';
  return `mode ${mode.toString(8).padStart(4, '0')}${owner}`;
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
