import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, cp, readFile, readdir, readlink, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect } from 'vitest';
import { formatLsn, walFileName } from '../../src/domain/lsn.ts';
import type { Chain, ComponentRecord } from '../../src/domain/recovery-point.ts';
import type { WalPiece } from '../../src/domain/wal.ts';
import { formatRecoveryKey } from '../../src/repository/recovery-key.ts';
import type { ComponentWriter, Repository, WalArchive } from '../../src/repository/repository.ts';
import { reserve, sealRecords, testKey } from './backup.ts';
import { repositoryTest } from './fixture.ts';
import { runScript, secretFile, tryScript, type ScriptResult } from './restore-script.ts';

const segmentBytes = 2 ** 20;
const systemId = '7312345678901234567';
const segment = (number: number): bigint => BigInt(number * segmentBytes);
/** Bytes of the log: those of a position are the same wherever they come from. */
const log = randomBytes(16 * segmentBytes);
const stretch = (timeline: number, startLsn: bigint, endLsn: bigint): WalPiece => ({ timeline, startLsn, endLsn });
const bytesOf = ({ startLsn, endLsn }: WalPiece): Buffer => log.subarray(Number(startLsn), Number(endLsn));

/** A base on timeline 1 that ends in the middle of segment 3, which its own folder of WAL holds up to there. */
const stopLsn = segment(3) + 1000n;

interface Kit {
  readonly archive: WalArchive;
  readonly archived: (...pieces: readonly WalPiece[]) => Promise<void>;
  /** Seals a point and runs the script. */
  readonly restored: (chain: Pick<Chain, 'timeline' | 'endLsn'> | undefined, options?: Options) => Promise<Restored>;
  readonly repositoryFolder: string;
}

interface Options {
  readonly args?: readonly string[];
  readonly extra?: (writer: ComponentWriter) => Promise<void>;
  readonly facts?: ComponentRecord['facts'];
  /** Sealed facts besides. */
  readonly sealed?: object;
}

interface Restored extends ScriptResult {
  readonly target: string;
  /** What the server would be given for a segment, or undefined. */
  readonly given: (timeline: number, number: number) => Promise<Buffer | undefined>;
}

const test = repositoryTest.extend<{ kit: Kit }>({
  kit: async ({ folder, repository }, use) => {
    const archive = repository.wal({ component: 'postgres', systemId, segmentBytes });
    const key = await secretFile(folder, formatRecoveryKey(testKey.key));
    const repositoryFolder = join(folder, 'repository');
    let runs = 0;
    await use({
      archive,
      repositoryFolder,
      archived: async (...pieces) => {
        for (const piece of pieces) await archive.put(piece, bytesOf(piece), '2026-11-22T02:00:00.000Z');
      },
      restored: async (chain, { args = [], ...options } = {}) => {
        runs += 1;
        const target = join(folder, `target-${runs}`);
        const id = await sealDatabase(repository, chain, options);
        const result = await tryScript(repositoryFolder, ['-k', key, ...args, 'restore', id, 'postgres', target]);
        const given = async (timeline: number, number: number) =>
          readFile(join(target, 'lifeboat/wal', walFileName(timeline, segment(number), segmentBytes))).catch(
            () => undefined,
          );
        return { ...result, target, given };
      },
    });
  },
});

describe('restore.sh and archived WAL', () => {
  test('whole segments and stretches become segments again, zero behind the position of the point', async ({ kit }) => {
    await kit.archived(
      stretch(1, segment(3), segment(3) + 5000n),
      // An attempt that ran twice has cut differently.
      stretch(1, segment(3), segment(3) + 3000n),
      stretch(1, segment(3) + 3000n, segment(4)),
      stretch(1, segment(4), segment(5)),
      stretch(1, segment(4), segment(4) + 10n),
      stretch(1, segment(5), segment(5) + 7000n),
      stretch(1, segment(5) + 7000n, segment(5) + 9000n),
      stretch(1, segment(6), segment(7)),
    );
    const endLsn = segment(5) + 8000n;
    const { code, stderr, given, target } = await kit.restored({ timeline: 1, endLsn: formatLsn(endLsn) });
    expect([code, stderr]).toEqual([0, expect.stringContaining('everything was restored and verified') as string]);
    expect(stderr).toContain(`3 segments of archived WAL lie in ${target}/lifeboat/wal, up to 0/501F40 on timeline 1`);
    const { pieces } = await kit.archive.list();
    for (const number of [3, 4]) {
      const ours = (await kit.archive.segment(pieces, 1, segment(number)))?.bytes;
      expect([number, ours?.equals((await given(1, number)) ?? Buffer.alloc(0))]).toEqual([number, true]);
    }
    const last = (await given(1, 5)) ?? Buffer.alloc(0);
    expect(last.subarray(0, 8000).equals(log.subarray(Number(segment(5)), Number(endLsn)))).toBe(true);
    expect([last.length, last.subarray(8000).every((byte) => byte === 0)]).toEqual([segmentBytes, true]);
    expect(await given(1, 6)).toBe(undefined);
    expect(await readFile(join(target, 'recovery.signal'), 'utf8')).toBe('');
    const settings = (await readFile(join(target, 'postgresql.auto.conf'), 'utf8')).split('\n');
    expect(settings[0]).toBe("work_mem = '5MB'");
    expect(settings).toContain("recovery_target_timeline = '1'");
    expect(settings).toContain("recovery_target_time = ''");
  });

  test('with -w all WAL that follows comes, of any point, as far as it has no hole', async ({ kit }) => {
    await kit.archived(
      stretch(1, segment(3), segment(4)),
      stretch(1, segment(4), segment(4) + 500n),
      stretch(1, segment(5), segment(6)),
    );
    const { code, given, stderr } = await kit.restored(undefined, { args: ['-w'] });
    expect([code, stderr]).toEqual([0, expect.stringContaining('up to 0/4001F4 on timeline 1') as string]);
    expect((await given(1, 4))?.subarray(0, 500).equals(bytesOf(stretch(1, segment(4), segment(4) + 500n)))).toBe(true);
    expect(await given(1, 5)).toBe(undefined);
    const plain = await kit.restored(undefined);
    expect([plain.code, await readdir(plain.target)]).toEqual([0, expect.not.arrayContaining(['recovery.signal'])]);
    const taken = await kit.restored(undefined, { args: ['-w'], facts: { timelineTaken: true } });
    expect([taken.code, taken.stderr]).toEqual([1, expect.stringContaining('is of another server') as string]);
  });

  test('what the archive lacks at the beginning of a segment comes from the base, or from the timeline before', async ({
    kit,
  }) => {
    const [first, fork] = [segment(3) + 900n, segment(4) + 6000n];
    await kit.archived(stretch(1, first, segment(4)), stretch(1, segment(4), segment(5)));
    await kit.archived(stretch(2, fork - 100n, segment(5)), stretch(2, segment(5), segment(6)));
    await kit.archive.putHistory(
      2,
      `1\t${formatLsn(fork)}\tno recovery target specified\n`,
      '2026-11-22T02:00:00.000Z',
    );
    const { code, given, stderr, target } = await kit.restored({ timeline: 2, endLsn: formatLsn(segment(5) + 10n) });
    expect([code, stderr]).toEqual([0, expect.stringContaining('up to 0/50000A on timeline 2') as string]);
    const whole = (number: number, to: bigint): Buffer =>
      Buffer.concat([
        log.subarray(Number(segment(number)), Number(to)),
        Buffer.alloc(Number(segment(number + 1) - to)),
      ]);
    expect((await given(1, 3))?.equals(whole(3, segment(4)))).toBe(true);
    expect((await given(1, 4))?.equals(whole(4, fork))).toBe(true);
    expect((await given(2, 4))?.equals(whole(4, segment(5)))).toBe(true);
    expect((await given(2, 5))?.equals(whole(5, segment(5) + 10n))).toBe(true);
    expect(await readFile(join(target, 'lifeboat/wal/00000002.history'), 'utf8')).toContain('no recovery target');
    expect(await readFile(join(target, 'postgresql.auto.conf'), 'utf8')).toContain("recovery_target_timeline = '2'");
  });

  test('a hole, a damaged piece and one under the name of another are named, and the exit code is 1', async ({
    kit,
  }) => {
    const endLsn = formatLsn(segment(6));
    const pieces = [3, 4, 5].map((number) => stretch(1, segment(number), segment(number + 1)));
    await kit.archived(...pieces);
    expect((await kit.restored({ timeline: 1, endLsn })).code).toBe(0);
    const file = (number: number): string =>
      join(kit.repositoryFolder, 'wal/postgres', systemId, '00000001', walFileName(1, segment(number), segmentBytes));
    const good = await readFile(file(4));
    const short = 'archived WAL leads to 0/400000 on timeline 1 only, the point lies at 0/600000 on timeline 1';
    const spoilers: readonly (readonly [string, () => Promise<unknown>])[] = [
      ['damaged: wal/postgres', async () => cp(file(5), file(4))],
      ['damaged: wal/postgres', async () => writeFile(file(4), good.subarray(0, good.length - 1))],
      ['damaged: wal/postgres', async () => writeFile(file(4), Buffer.concat([good, good]))],
      [short, async () => rm(file(4))],
    ];
    for (const [text, spoil] of spoilers) {
      await spoil();
      const { code, stderr } = await kit.restored({ timeline: 1, endLsn });
      expect([code, stderr]).toEqual([1, expect.stringContaining(text) as string]);
      expect(stderr).toContain(short);
      expect(stderr).toContain('not everything could be restored');
    }
    const lacking = await kit.restored({ timeline: 3, endLsn });
    expect(lacking.stderr).toContain('the history of timeline 3 is missing or damaged in the archive');
    expect([lacking.code, await readdir(lacking.target)]).toEqual([1, expect.not.arrayContaining(['recovery.signal'])]);
  });

  test('PostgreSQL is told of the end of the archive only where it ends', async ({ kit, folder }) => {
    await kit.archived(stretch(1, segment(3), segment(4)), stretch(1, segment(4), segment(5)));
    const { target } = await kit.restored({ timeline: 1, endLsn: formatLsn(segment(5)) });
    const wal = join(target, 'lifeboat/wal');
    const settings = await readFile(join(target, 'postgresql.auto.conf'), 'utf8');
    const command = /^restore_command = '(.*)'$/m.exec(settings)?.[1] ?? '';
    const fetch = async (name: string): Promise<number> => {
      const run = command.replace('%f', name).replace('%p', join(folder, 'given'));
      return promisify(execFile)('sh', ['-c', run], { cwd: target }).then(
        () => 0,
        (error: { readonly code: number }) => error.code,
      );
    };
    const third = walFileName(1, segment(3), segmentBytes);
    expect(await fetch(third)).toBe(0);
    expect((await readFile(join(folder, 'given'))).equals(bytesOf(stretch(1, segment(3), segment(4))))).toBe(true);
    expect(await fetch(walFileName(1, segment(5), segmentBytes))).toBe(1);
    expect(await fetch('00000002.history')).toBe(1);
    await rm(join(wal, third));
    expect(await fetch(third)).toBe(126);
    await chmod(wal, 0);
    expect(await fetch(walFileName(1, segment(5), segmentBytes))).toBe(126);
    await chmod(wal, 0o700);
  });

  test('list and show say that a point is its base with archived WAL', async ({ kit, folder }) => {
    await kit.archived(stretch(1, segment(3), segment(4)));
    await kit.restored({ timeline: 1, endLsn: '0/400000' });
    const key = await secretFile(folder, formatRecoveryKey(testKey.key));
    const { stdout } = await runScript(kit.repositoryFolder, ['-k', key, 'list']);
    expect(stdout).toContain('[postgres: base 20261122_020000 and archived WAL up to 0/400000]');
    const shown = await runScript(kit.repositoryFolder, ['-k', key, 'show', stdout.split(' ')[0] ?? '']);
    expect(JSON.parse(shown.stdout)).toMatchObject({ components: [{ chain: { endLsn: '0/400000' } }] });
    expect(shown.stderr).toContain('this point is its base 20261122_020000 with the archived WAL up to 0/400000');
  });

  test('what a link to configuration led to stands in its place; one whose goal is not there is told', async ({
    kit,
  }) => {
    const link = (path: string, target: string) => ({ path, target, purpose: 'configuration' });
    const links = [
      link('pg hba.conf', '/etc/postgresql/pg hba.conf'),
      link('conf.d', '../../../etc/postgresql/conf.d'),
      link('server.key', '/etc/ssl/private/server.key'),
      link('../../escaped', '/etc/postgresql/pg hba.conf'),
      { path: 'log', target: '/var/log/postgresql', purpose: 'log' },
    ];
    const { code, target, stderr } = await kit.restored(undefined, {
      sealed: { dataDirectory: '/var/lib/postgresql', links },
      extra: async (writer) => {
        await writer.bytes('.lifeboat/config/etc/postgresql/pg hba.conf', Buffer.from('rules'));
        await writer.bytes('.lifeboat/config/etc/postgresql/conf.d/a.conf', Buffer.from('setting'));
      },
    });
    expect(await readFile(join(target, 'pg hba.conf'), 'utf8')).toBe('rules');
    expect(await readFile(join(target, 'conf.d/a.conf'), 'utf8')).toBe('setting');
    expect(stderr).toContain('conf.d was a link to /etc/postgresql/conf.d; it comes back with what was there');
    expect([code, stderr]).toEqual([
      1,
      expect.stringContaining(
        'server.key was a link to /etc/ssl/private/server.key, which this point does not hold',
      ) as string,
    ]);
    expect(await readdir(join(target, '../..'))).not.toContain('escaped');
  });

  test('links in the index of a database are refused, as Lifeboat does', async ({ kit }) => {
    const { code, stderr } = await kit.restored(undefined, {
      extra: async (writer) => {
        const facts = { mode: 0o777, mtimeNs: '0', uid: 0, gid: 0 } as const;
        await writer.add({ ...facts, path: 'pg_tblspc/16400', type: 'symlink', target: '/mnt/fast' });
        await writer.add({ ...facts, path: 'lifeboat', type: 'symlink', target: '/etc' });
      },
    });
    expect([code, stderr]).toEqual([1, expect.stringContaining('names "lifeboat", which is a symlink') as string]);
  });

  test('configuration from outside and the map of tablespaces lie beside the data, and a standby is none any more', async ({
    kit,
  }) => {
    await kit.archived(stretch(1, segment(3), segment(4)));
    const { code, target, stderr } = await kit.restored(
      { timeline: 1, endLsn: '0/400000' },
      {
        extra: async (writer) => {
          await writer.bytes('.lifeboat/config/etc/postgresql/pg hba.conf', Buffer.from('rules'));
          await writer.bytes('.lifeboat/backup_manifest', Buffer.from('{}'));
          await writer.bytes('tablespace_map', Buffer.from('16400 /mnt/fast\n'));
          await writer.bytes('pg_tblspc/16400/PG_16_202307071/5/16401', Buffer.from('table'));
          await writer.bytes('standby.signal', Buffer.from(''));
        },
      },
    );
    expect(code).toBe(0);
    expect(await readFile(join(target, 'lifeboat/config/etc/postgresql/pg hba.conf'), 'utf8')).toBe('rules');
    expect(await readFile(join(target, 'lifeboat/tablespace_map'), 'utf8')).toBe('16400 /mnt/fast\n');
    const names = await readdir(target);
    expect(names).toEqual(expect.not.arrayContaining(['.lifeboat', 'tablespace_map', 'standby.signal']));
    expect(await readlink(join(target, 'pg_tblspc/16400'))).toBe(`${target}.tablespaces/16400`);
    expect(await readFile(join(target, 'pg_tblspc/16400/PG_16_202307071/5/16401'), 'utf8')).toBe('table');
    expect(stderr).toContain(`tablespace 16400 lies in ${target}.tablespaces/16400`);
  });
});

async function sealDatabase(
  repository: Repository,
  chain: Pick<Chain, 'timeline' | 'endLsn'> | undefined,
  { extra = async () => undefined, facts = {}, sealed = {} }: Options,
): Promise<string> {
  const id = await reserve(repository, new Date(Date.UTC(2026, 10, 22, 2, 1)));
  const writer = await repository.writeComponent({ backupId: id, componentId: 'postgres', blockSize: 262_144 });
  await writer.bytes('PG_VERSION', Buffer.from('16\n'));
  await writer.bytes('postgresql.auto.conf', Buffer.from("work_mem = '5MB'\n"));
  const own = Buffer.concat([bytesOf(stretch(1, segment(3), stopLsn)), Buffer.alloc(segmentBytes - 1000)]);
  await writer.bytes(`pg_wal/${walFileName(1, segment(3), segmentBytes)}`, own);
  await writer.bytes('.lifeboat/facts.json', Buffer.from(JSON.stringify({ dataDirectoryMode: 0o750, ...sealed })));
  await extra(writer);
  const { indexId, files, bytes, storedBytes } = await writer.finish();
  const time = new Date().toISOString();
  const record: ComponentRecord = {
    id: 'postgres',
    kind: 'postgres',
    host: 'main',
    indexId,
    files,
    bytes,
    storedBytes,
    capturedFrom: time,
    capturedUntil: time,
    quiescence: 'quiesced',
    suspect: false,
    facts: {
      systemIdentifier: systemId,
      timeline: 1,
      stopLsn: formatLsn(stopLsn),
      walSegmentBytes: segmentBytes,
      ...facts,
    },
    ...(chain !== undefined && { chain: { base: '20261122_020000', walBytes: 0, forecastSeconds: 0, ...chain } }),
  };
  await sealRecords(repository, id, [record], [], chain === undefined ? 'full' : 'incremental');
  await repository.closeIntent(id);
  return id;
}
