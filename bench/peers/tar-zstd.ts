/** A floor: everything read, compressed and hashed once. Of PostgreSQL it makes no usable backup. */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { runScript } from '../command.ts';
import type { DataSet } from '../data/data-set.ts';
import { clientEnvironment } from './sources.ts';
import type { Peer } from './peer.ts';

// tar ends with 1 when a file of the running server changed under it.
const script = `
redis-cli -p "$REDIS_PORT" --rdb "$FOLDER/dump.rdb" > /dev/null
{ tar cf - --warning=none --exclude='pg_wal/*' "$PGDATA" "$VECTORSTORE" "$MODELS" "$CONFIGURATION" "$FOLDER/dump.rdb" || [ $? -eq 1 ]; } | zstd -q -1 -T0 -o "$FOLDER/all.tar.zst"
sha256sum "$FOLDER/all.tar.zst" > "$FOLDER/SHA256SUMS"
`;

export interface TarZstd extends Peer {
  backup(): Promise<number>;
}

export function tarZstd(data: DataSet, version: string): TarZstd {
  const folder = join(data.work, 'tar');
  return {
    name: 'tar + zstd -1 -T0 + sha256sum',
    version,
    flags: [
      ...script.trim().split('\n'),
      'a floor for reading and compressing: files of a running PostgreSQL without a backup protocol are no backup; no fsync, no encryption',
    ],
    backup: async () => {
      await mkdir(folder, { recursive: true });
      try {
        return (await runScript(script, { env: { ...clientEnvironment(data), FOLDER: folder } })).seconds;
      } finally {
        await rm(folder, { recursive: true, force: true, maxRetries: 5 });
      }
    },
  };
}
