/** `restore.sh`, run by root: what it restores belongs to whom it belonged, so that an engine's own user can go on with it. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, chown, lstat, mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect } from 'vitest';
import type { EntryMeta } from '../../src/domain/entry.ts';
import type { Driver } from '../../src/drivers/driver.ts';
import { createModelsDriver } from '../../src/drivers/models/driver.ts';
import { captureComponent } from '../../src/operations/backup/capture-component.ts';
import { findOsUser } from '../../src/platform/process/os-user.ts';
import { createProcessTarget } from '../../src/platform/process/process-target.ts';
import { formatRecoveryKey } from '../../src/repository/recovery-key.ts';
import type { Repository } from '../../src/repository/repository.ts';
import { writeTinyModel } from '../inference/tiny-model.ts';
import { backUp, reserve, sealRecords, testKey } from '../repository/backup.ts';
import { repositoryTest } from '../repository/fixture.ts';
import { runScript, secretFile } from '../repository/restore-script.ts';

const user = await findOsUser(process.env['LIFEBOAT_RUN_USER'] ?? 'lifeboat');

describe('D3.5: restore.sh run by root', () => {
  repositoryTest(
    'gives a database to the user of its files, with its WAL and tablespaces, who can come to all of it',
    async ({ folder, repository }) => {
      const id = await reserve(repository);
      const systemId = '7312345678901234567';
      const segmentBytes = 2 ** 20;
      const archive = repository.wal({ component: 'postgres', systemId, segmentBytes });
      const [startLsn, endLsn] = [0n, BigInt(segmentBytes)];
      await archive.put({ timeline: 1, startLsn, endLsn }, randomBytes(segmentBytes), '2026-11-22T02:00:00.000Z');
      const driver = databaseOf({
        PG_VERSION: '16',
        'postgresql.auto.conf': '',
        'base/5/PG_VERSION': '16',
        'pg_tblspc/16400/PG_16_202307071/5/16401': 'table',
        '.lifeboat/config/etc/postgresql/postgresql.conf': 'port = 5432',
        '.lifeboat/facts.json': JSON.stringify({ dataDirectoryMode: 0o750 }),
      });
      const { notes: _, ...record } = await captureComponent({ ...capturing(repository, id), driver });
      const facts = { systemIdentifier: systemId, timeline: 1, stopLsn: '0/0', walSegmentBytes: segmentBytes };
      const chain = { base: id, timeline: 1, endLsn: '0/100000', walBytes: segmentBytes, forecastSeconds: 1 };
      await sealRecords(repository, id, [{ ...record, facts, chain }], [], 'incremental');
      const key = await secretFile(folder, formatRecoveryKey(testKey.key));
      await chmod(folder, 0o755);
      const target = join(folder, 'by hand', 'data');
      await runScript(join(folder, 'repository'), ['-k', key, 'restore', id, 'postgres', target]);
      expect(await ownerOf(target)).toBe(`${user.uid}:${user.gid} 750`);
      const names = await readdir(dirname(target), { recursive: true });
      expect(names).toEqual(
        expect.arrayContaining([
          'data/recovery.signal',
          'data/lifeboat/wal/000000010000000000000000',
          'data/lifeboat/config/etc/postgresql/postgresql.conf',
          'data.tablespaces/16400/PG_16_202307071/5/16401',
        ]),
      );
      const owner = expect.stringMatching(new RegExp(`^${user.uid}:${user.gid} `)) as string;
      for (const name of names) expect([name, await ownerOf(join(dirname(target), name))]).toEqual([name, owner]);
      // The user comes to it through what the script has made above.
      const table = join(target, 'pg_tblspc/16400/PG_16_202307071/5/16401');
      const { stdout } = await promisify(execFile)('cat', [table], { uid: user.uid, gid: user.gid, cwd: '/' });
      expect(stdout).toBe('table');
    },
  );

  repositoryTest(
    'gives a folder its own owner and mode, and what lies in it to whom it belonged',
    async ({ folder, repository }) => {
      const live = join(folder, 'models');
      await mkdir(live);
      await writeTinyModel(join(live, 'tiny.gguf'));
      await chown(join(live, 'tiny.gguf'), 54_321, 54_322);
      await chown(live, user.uid, user.gid);
      await chmod(live, 0o2750);
      const common = { host: 'main', tier: 'critical', priority: 1, services: [] } as const;
      const driver = createModelsDriver(
        { ...common, id: 'models', kind: 'models', path: live, memoryLimit: 256 * 2 ** 20 },
        { target: createProcessTarget(), stateDir: '/nowhere', secret: async () => undefined },
      );
      const id = await reserve(repository);
      const { notes: _, ...record } = await captureComponent({ ...capturing(repository, id), driver });
      await sealRecords(repository, id, [record]);
      const key = await secretFile(folder, formatRecoveryKey(testKey.key));
      await runScript(join(folder, 'repository'), ['-k', key, 'restore', id, 'all', join(folder, 'target')]);
      expect(await ownerOf(join(folder, 'target/models'))).toBe(`${user.uid}:${user.gid} 2750`);
      expect(await ownerOf(join(folder, 'target/models/tiny.gguf'))).toMatch(/^54321:54322 /);
    },
  );

  repositoryTest(
    'follows a name where the number is another on this host, of links too',
    async ({ folder, repository }) => {
      const numbers = { mode: 0o640, mtimeNs: '0', uid: 4242, gid: 4343 } as const;
      const names = { user: user.name, group: user.name } as const;
      const nobody = { user: 'nobody-knows-me', group: 'nobody-knows-us' } as const;
      const source = join(folder, 'source');
      await writeFile(source, 'x');
      const { id } = await backUp(repository, async (writer) => {
        const file = (path: string, more: Partial<EntryMeta>) =>
          writer.fromDisk({ ...numbers, ...more, path, type: 'file' }, source);
        await file('named', names);
        await file('unknown', nobody);
        await writer.add({ ...numbers, ...names, path: 'folder', type: 'directory', mode: 0o500 });
        await writer.add({ ...numbers, ...names, path: 'link', type: 'symlink', target: 'named', mode: 0o777 });
      });
      const key = await secretFile(folder, formatRecoveryKey(testKey.key));
      const target = join(folder, 'target');
      await runScript(join(folder, 'repository'), ['-k', key, 'restore', id, 'files', target]);
      expect(await ownerOf(join(target, 'named'))).toBe(`${user.uid}:${user.gid} 640`);
      expect(await ownerOf(join(target, 'unknown'))).toBe('4242:4343 640');
      expect(await ownerOf(join(target, 'folder'))).toBe(`${user.uid}:${user.gid} 500`);
      expect(await ownerOf(join(target, 'link'))).toBe(`${user.uid}:${user.gid} 777`);
    },
  );
});

function capturing(repository: Repository, backupId: string) {
  return {
    repository,
    host: 'main',
    backupId,
    previous: undefined,
    resumePacks: [],
    onProgress: () => undefined,
    signal: new AbortController().signal,
  };
}

/** As a base backup gives its files: to the user of the server. */
function databaseOf(files: Readonly<Record<string, string>>): Driver {
  const meta = { mtimeNs: '0', uid: user.uid, gid: user.gid } as const;
  const space = 'pg_tblspc/16400';
  const folders = ['base', 'base/5', 'pg_tblspc', space, `${space}/PG_16_202307071`, `${space}/PG_16_202307071/5`];
  const capture: Driver['capture'] = async ({ writer }) => {
    for (const [path, text] of Object.entries(files)) {
      const file = await writer.open({ ...meta, path, type: 'file', mode: 0o600 }, text.length);
      await file.write(Buffer.from(text));
      await file.close();
    }
    for (const path of folders) await writer.add({ ...meta, path, type: 'directory', mode: 0o700 });
    return { capturedFrom: new Date(), capturedUntil: new Date(), quiescence: 'quiesced', facts: {} };
  };
  const shape = { component: 'postgres', kind: 'postgres', blockSize: 262_144 } as const;
  return { ...shape, estimate: async () => ({ bytes: 0 }), capture } as unknown as Driver;
}

async function ownerOf(path: string): Promise<string> {
  const { uid, gid, mode } = await lstat(path);
  return `${uid}:${gid} ${(mode & 0o7777).toString(8)}`;
}
