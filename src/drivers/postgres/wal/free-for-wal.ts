import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { PostgresConfig } from '../../../domain/appliance.ts';

/** Bytes that the database may still write on the disk of its WAL. */
export async function freeForWal({ dataDirectory }: PostgresConfig): Promise<number> {
  const { bavail, bsize } = await statfs(join(dataDirectory, 'pg_wal'));
  return bavail * bsize;
}
