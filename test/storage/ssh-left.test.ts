/** What a copy that was cut off, or another program, left under final names over SSH before the next copy. */
import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startSshd, type RunningSshd } from '../../src/dev/sshd.ts';
import { initRepository } from '../../src/repository/init.ts';
import { layout } from '../../src/repository/layout.ts';
import { openRepository } from '../../src/repository/open.ts';
import { createLocalStorage } from '../../src/storage/local/local-storage.ts';
import { createSshStorage } from '../../src/storage/ssh/ssh-storage.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { backUp, testKey, type Backup } from '../repository/backup.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const segment = { timeline: 1, startLsn: 0n, endLsn: 0x100000n };
const walSource = { component: 'pg', systemId: '7', segmentBytes: 0x100000 };

let server: RunningSshd;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  folder = await temporaryFolder('ssh-left');
  server = await startSshd({ directory: join(folder.path, 'server') });
});
afterAll(async () => {
  await server?.stop();
  await folder?.remove();
});

async function keysOf(own: Storage, [first]: readonly Backup[]): Promise<Record<string, string>> {
  let wal = '';
  for await (const { key } of own.list(layout.allWal)) if (!key.includes('coverage')) wal = key;
  return {
    pack: first!.manifest.backup_files.find(({ path }) => path.startsWith(layout.packs))!.path,
    index: layout.index(first!.record.indexId),
    manifest: layout.manifest(first!.id),
    wal,
  };
}

const left: Record<string, (bytes: Buffer) => Buffer> = {
  cut: (bytes) => bytes.subarray(0, bytes.length >> 1),
  empty: () => Buffer.alloc(0),
  longer: (bytes) => Buffer.concat([bytes, Buffer.alloc(5)]),
  // What a disk may have of a file after a loss of power.
  'of zeroes': (bytes) => Buffer.alloc(bytes.length),
};

test.each(Object.keys(left))(
  'under final names lie files that are %s: the next copy puts whole ones there',
  async (kind) => {
    const own = createLocalStorage(join(folder.path, `own-${kind}`));
    const { repository } = await initRepository(own, testKey);
    const points: Backup[] = [];
    // Several packs: they go as files.
    for (let n = 0; n < 3; n += 1)
      points.push(await backUp(repository, async (writer) => writer.bytes('file', randomBytes(60_000))));
    const wal = randomBytes(0x100000);
    await repository.wal(walSource).put(segment, wal, '2026-11-22T02:00:00Z');
    await repository.wal(walSource).putCoverage(1, { lsn: '0/100000', time: '2026-11-22T02:00:00Z' });
    for (const [what, key] of Object.entries(await keysOf(own, points))) {
      // A piece of WAL counts by name and size, until it is read again.
      if (kind === 'of zeroes' && what === 'wal') continue;
      const path = join(folder.path, kind, key);
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      await writeFile(path, left[kind]!(Buffer.from(await own.read(key))));
    }
    const target = createSshStorage({ ...server.settings, path: join(folder.path, kind) });
    const copied = await repository.replicateTo(target, { owner: 'test' });
    expect(copied).toMatchObject({ problems: [] });
    expect(copied.points).toHaveLength(3);
    const replica = await openRepository(target, testKey, { isCopy: true });
    for (const { record } of points)
      await replica.materialize({ indexId: record.indexId, into: join(folder.path, `into-${kind}-${record.indexId}`) });
    expect((await replica.wal(walSource).read(segment)).bytes.equals(wal)).toBe(true);
    await replica.close();
    await repository.close();
  },
);
