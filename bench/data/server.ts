/** Questions to the measured server. */
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { databaseName } from '../../src/dev/appliance/description.ts';
import { withClient } from '../../src/dev/appliance/seed/with-client.ts';
import { parseLsn } from '../../src/domain/lsn.ts';
import type { DataSet } from './data-set.ts';

export const pageBytes = 8192;

/** Everything that was acknowledged until now lies before it. */
export async function flushedTo({ sample }: DataSet): Promise<bigint> {
  return withClient(sample, databaseName, async (client) => {
    const { rows } = await client.query<{ lsn: string }>('select pg_current_wal_flush_lsn()::text as lsn');
    return parseLsn(rows[0]!.lsn);
  });
}

/** Pages of tables and indexes whose last change came after the position. A checkpoint must have written them out. */
export async function pagesChangedSince({ sample }: DataSet, lsn: bigint): Promise<number> {
  const base = join(sample.folders.postgresData, 'base');
  let changed = 0;
  for (const entry of await readdir(base, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile() || !/^\d+(\.\d+)?$/.test(entry.name)) continue;
    changed += await changedPages(join(entry.parentPath, entry.name), lsn);
  }
  return changed;
}

/** A page begins with the position of its last change: two words of 32 bits, the high one first. */
async function changedPages(path: string, lsn: bigint): Promise<number> {
  const file = await open(path);
  const buffer = Buffer.alloc(1024 * pageBytes);
  let changed = 0;
  try {
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length);
      if (bytesRead === 0) return changed;
      for (let at = 0; at + pageBytes <= bytesRead; at += pageBytes) {
        const page = (BigInt(buffer.readUInt32LE(at)) << 32n) | BigInt(buffer.readUInt32LE(at + 4));
        if (page > lsn) changed += 1;
      }
    }
  } finally {
    await file.close();
  }
}
