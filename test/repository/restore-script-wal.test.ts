import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { appendFile, chmod, cp, mkdir, readFile, readdir, readlink, rm, truncate, writeFile } from 'node:fs/promises';
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
import { runScript, secretFile, shells, tryScript, type ScriptOptions, type ScriptResult } from './restore-script.ts';

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
  /** Of the component `postgres`. */
  readonly archive: WalArchive;
  readonly archived: (...pieces: readonly WalPiece[]) => Promise<void>;
  /** Puts pieces into the archive of any component and returns its folder. */
  readonly archivedOf: (component: string, ...pieces: readonly WalPiece[]) => Promise<string>;
  /** Seals a point of the one component `postgres` and runs the script. */
  readonly restored: (chain: Database['chain'], options?: Options) => Promise<Restored>;
  /** The same of several, whose folders are below the target. */
  readonly restoredAll: (
    databases: readonly Database[],
    options?: Pick<Options, 'args' | 'shell'>,
  ) => Promise<Restored>;
}

interface Options extends ScriptOptions {
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

const time = '2026-11-22T02:00:00.000Z';

const test = repositoryTest.extend<{ kit: Kit }>({
  kit: async ({ folder, repository }, use) => {
    const archiveOf = (component: string) => repository.wal({ component, systemId, segmentBytes });
    const archive = archiveOf('postgres');
    const key = await secretFile(folder, formatRecoveryKey(testKey.key));
    const repositoryFolder = join(folder, 'repository');
    let runs = 0;
    const run = async (id: string, what: string, { args = [], shell }: Pick<Options, 'args' | 'shell'>) => {
      runs += 1;
      const target = join(folder, `target-${runs}`);
      const given = async (timeline: number, number: number) =>
        readFile(join(target, 'lifeboat/wal', walFileName(timeline, segment(number), segmentBytes))).catch(
          () => undefined,
        );
      const words = ['-k', key, ...args, 'restore', id, what, target];
      const result = await tryScript(repositoryFolder, words, shell === undefined ? {} : { shell });
      return { ...result, target, given };
    };
    const archivedOf: Kit['archivedOf'] = async (component, ...pieces) => {
      for (const piece of pieces) await archiveOf(component).put(piece, bytesOf(piece), time);
      return join(repositoryFolder, 'wal', component, systemId);
    };
    await use({
      archive,
      archived: async (...pieces) => void (await archivedOf('postgres', ...pieces)),
      archivedOf,
      restored: async (chain, options = {}) =>
        run(await sealDatabases(repository, [{ chain, options }]), 'postgres', options),
      restoredAll: async (databases, options = {}) => run(await sealDatabases(repository, databases), 'all', options),
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
  });

  test('with -w it fails where archived WAL is of another server, or goes on in a damaged piece', async ({ kit }) => {
    await kit.archivedOf('taken', stretch(1, segment(3), segment(4)));
    const folder = await kit.archivedOf(
      'damaged',
      stretch(1, segment(3), segment(4)),
      stretch(1, segment(5), segment(6)),
    );
    const next = join(folder, '00000001', walFileName(1, segment(4), segmentBytes));
    await writeFile(next, 'x');
    const { code, stderr, target } = await kit.restoredAll(
      [
        { component: 'taken', chain: undefined, options: { facts: { timelineTaken: true } } },
        { component: 'damaged', chain: undefined },
      ],
      { args: ['-w'] },
    );
    expect(stderr).toContain('taken: archived WAL of its timeline is of another server');
    expect(stderr).toContain(
      `damaged: what follows 0/400000 on timeline 1 is damaged: wal/damaged/${systemId}/00000001/000000010000000000000004`,
    );
    expect([code, await readdir(target)]).toEqual([1, ['damaged', 'taken']]);
  });

  test('what the archive lacks at the beginning of a segment comes from the base, or from the timeline before', async ({
    kit,
  }) => {
    const [first, fork] = [segment(3) + 900n, segment(4) + 6000n];
    await kit.archived(stretch(1, first, segment(4)), stretch(1, segment(4), segment(5)));
    await kit.archived(stretch(2, fork - 100n, segment(5)), stretch(2, segment(5), segment(6)));
    await kit.archive.putHistory(2, `1\t${formatLsn(fork)}\tno recovery target specified\n`, time);
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
    const spoilers: Readonly<Record<string, (four: string, five: string) => Promise<unknown>>> = {
      whole: async () => undefined,
      'not-its-own': async (four, five) => cp(five, four),
      cut: async (four) => truncate(four, 500_000),
      longer: async (four) => appendFile(four, 'x'),
      hole: async (four) => rm(four),
      lacking: async () => undefined,
    };
    for (const [component, spoil] of Object.entries(spoilers)) {
      const folder = await kit.archivedOf(component, ...pieces);
      const [four = '', five = ''] = [4, 5].map((number) =>
        join(folder, '00000001', walFileName(1, segment(number), segmentBytes)),
      );
      await spoil(four, five);
    }
    const { code, stderr, target } = await kit.restoredAll(
      Object.keys(spoilers).map((component) => ({
        component,
        chain: { timeline: component === 'lacking' ? 3 : 1, endLsn },
      })),
    );
    const short = 'archived WAL leads to 0/400000 on timeline 1 only, the point lies at 0/600000 on timeline 1';
    const lines = stderr.split('\n');
    const linesOf = (component: string) =>
      lines.filter(
        (line) => line.startsWith(`${component}: `) && !/segments of|the first start|this point is/.test(line),
      );
    for (const component of ['not-its-own', 'cut', 'longer'])
      expect(linesOf(component)).toEqual([
        expect.stringContaining(
          `passed over, for it is damaged: wal/${component}/${systemId}/00000001/0000000100000000`,
        ),
        `${component}: ${short}`,
      ]);
    expect(linesOf('hole')).toEqual([`hole: ${short}`]);
    expect(linesOf('lacking')).toEqual(['lacking: the history of timeline 3 is missing or damaged in the archive']);
    expect(linesOf('whole')).toEqual([]);
    expect([code, stderr]).toEqual([1, expect.stringContaining('not everything could be restored') as string]);
    expect(await readdir(join(target, 'whole'))).toContain('recovery.signal');
    expect(await readdir(join(target, 'lacking'))).not.toContain('recovery.signal');
  });

  test('what lies around under names of WAL, and damage that something else makes up for, stops nothing', async ({
    kit,
  }) => {
    const folder = await kit.archivedOf(
      'postgres',
      stretch(1, segment(3) + 900n, segment(3) + 5000n),
      stretch(1, segment(3) + 5000n, segment(4)),
      stretch(1, segment(4), segment(5)),
    );
    const third = '000000010000000000000003';
    for (const stray of [
      // No names of pieces.
      `${third}.${'.'.repeat(16)}-${'.'.repeat(16)}`,
      `${third}.${'-'.repeat(33)}`,
      `${third}.a[$(touch PWNED)]`,
      `${third}.0000000000300000-0000000000400000`,
      `${third}.0000000000400000-0000000000300000`,
      `${third}.FFFFFFFFFFF00000-FFFFFFFFFFFFFFFF`,
      '0000000100000000FFFFFFFF',
      '000000010000000000000003 (1)',
      '0000000000000001.history',
      '$(id)aaa.history',
      '00000002.history',
      // Garbage under names of ours: a whole segment beside its stretches, stretches that something else makes up for.
      third,
      `${third}.0000000000300000-0000000000300010`,
      `${third}.0000000000301000-0000000000302000`,
      '000000010000000000000004.0000000000400000-0000000000400010',
      '000000010000000000000006',
    ])
      await writeFile(join(folder, '00000001', stray), 'x');
    await mkdir(join(folder, '00000001/000000010000000000000002'));
    await promisify(execFile)('mkfifo', [join(folder, `00000001/${third}.0000000000300000-0000000000300020`)]);
    await mkdir(join(folder, '00000002'));
    await writeFile(join(folder, '00000002/00000002.history'), 'x');
    const { pieces } = await kit.archive.list();
    expect(pieces.filter(({ startLsn, endLsn }) => startLsn >= endLsn || endLsn > segment(7))).toEqual([]);
    const { code, stderr, given, target } = await kit.restored({ timeline: 1, endLsn: formatLsn(segment(5)) });
    expect([code, stderr]).toEqual([0, expect.stringContaining('everything was restored and verified') as string]);
    expect(stderr.match(/passed over, for it is damaged: .*/g)?.map((line) => line.replace(/.*\//, ''))).toEqual([
      third,
      `${third}.0000000000300000-0000000000300010`,
      `${third}.0000000000301000-0000000000302000`,
      '00000002.history',
    ]);
    for (const number of [3, 4])
      expect((await given(1, number))?.equals(bytesOf(stretch(1, segment(number), segment(number + 1))))).toBe(true);
    // A server looks whether it is there: the number may have been used.
    expect(await readFile(join(target, 'lifeboat/wal/00000002.history'), 'utf8')).toMatch(/^#/);
  });

  for (const shell of shells)
    test(`lines of a history that are commands are none of its positions (${shell[0]})`, async ({ kit }) => {
      const fork = segment(4) + 6000n;
      await kit.archived(stretch(1, segment(3), segment(4)), stretch(1, segment(4), segment(5)));
      await kit.archived(stretch(2, segment(4), segment(5)));
      const commands = ['1\t0/a[$(touch${IFS}PWNED)]', '1\ta[$(touch${IFS}PWNED)]/0', '1+a[$(id)]\t0/0', '08\t0/0;id'];
      await kit.archive.putHistory(2, [...commands, `1\t${formatLsn(fork)}\tno recovery target`, ''].join('\n'), time);
      expect(await kit.archive.ancestors(2)).toEqual([{ timeline: 1, switchLsn: fork }]);
      const { code, stderr, target } = await kit.restored({ timeline: 2, endLsn: '0/500000' }, { shell });
      expect([code, stderr]).toEqual([0, expect.stringContaining('up to 0/500000 on timeline 2') as string]);
      expect(await readdir(target, { recursive: true })).toEqual(expect.not.arrayContaining(['PWNED']));
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

  test('list and show say that a point is its base with archived WAL', async ({ folder, repository }) => {
    await sealDatabases(repository, [{ chain: { timeline: 1, endLsn: '0/400000' } }]);
    const key = await secretFile(folder, formatRecoveryKey(testKey.key));
    const { stdout } = await runScript(join(folder, 'repository'), ['-k', key, 'list']);
    expect(stdout).toContain('[postgres: base 20261122_020000 and archived WAL up to 0/400000]');
    const shown = await runScript(join(folder, 'repository'), ['-k', key, 'show', stdout.split(' ')[0] ?? '']);
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

interface Database {
  readonly component?: string;
  readonly chain: Pick<Chain, 'timeline' | 'endLsn'> | undefined;
  readonly options?: Omit<Options, 'args' | 'shell'>;
}

/** A point of one or several databases. */
async function sealDatabases(repository: Repository, databases: readonly Database[]): Promise<string> {
  const id = await reserve(repository, new Date(Date.UTC(2026, 10, 22, 2, 1)));
  const records: ComponentRecord[] = [];
  for (const each of databases) records.push(await captureDatabase(repository, id, each));
  const isFull = databases.every(({ chain }) => chain === undefined);
  await sealRecords(repository, id, records, [], isFull ? 'full' : 'incremental');
  await repository.closeIntent(id);
  return id;
}

async function captureDatabase(
  repository: Repository,
  id: string,
  { component = 'postgres', chain, options: { extra = async () => undefined, facts = {}, sealed = {} } = {} }: Database,
): Promise<ComponentRecord> {
  const writer = await repository.writeComponent({ backupId: id, componentId: component, blockSize: 262_144 });
  await writer.bytes('PG_VERSION', Buffer.from('16\n'));
  await writer.bytes('postgresql.auto.conf', Buffer.from("work_mem = '5MB'\n"));
  const own = Buffer.concat([bytesOf(stretch(1, segment(3), stopLsn)), Buffer.alloc(segmentBytes - 1000)]);
  await writer.bytes(`pg_wal/${walFileName(1, segment(3), segmentBytes)}`, own);
  await writer.bytes('.lifeboat/facts.json', Buffer.from(JSON.stringify({ dataDirectoryMode: 0o750, ...sealed })));
  await extra(writer);
  const { indexId, files, bytes, storedBytes } = await writer.finish();
  const time = new Date().toISOString();
  return {
    id: component,
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
}
