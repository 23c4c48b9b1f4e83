import { setTimeout as delay } from 'node:timers/promises';
import { randomBytes, randomUUID } from 'node:crypto';
import { globSync } from 'node:fs';
import { appendFile, cp, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import type { BackupId, BackupType, Receipt } from '../../../src/domain/recovery-point.ts';
import { baseEndOf, coveredRanges, type WalRange } from '../../../src/domain/wal.ts';
import { captureIncrement } from '../../../src/operations/backup/capture-increment.ts';
import { selectArtefacts } from '../../../src/operations/restore/select-artefacts.ts';
import { verifyPoint } from '../../../src/operations/verify/recovery-point.ts';
import { walStatus } from '../../../src/operations/wal/continuity.ts';
import type { RestoreGoal } from '../../../src/domain/restore/target.ts';
import type { Appliance } from '../../../src/domain/appliance.ts';
import type { Driver } from '../../../src/drivers/driver.ts';
import { formatRecoveryKey } from '../../../src/repository/recovery-key.ts';
import { parseLsn } from '../../../src/domain/lsn.ts';
import type { RunningPostgres } from '../../../src/dev/postgres.ts';
import { testKey } from '../../repository/backup.ts';
import { runScript, secretFile } from '../../repository/restore-script.ts';
import { startPostgres } from '../../support/engines.ts';
import { archiveOf, archivingOf, flushed, shift, shiftOf, shiftPast, until, write } from './archiving.ts';
import { database, labTest, restoredAgain, type Lab } from './lab.ts';

const signal = new AbortController().signal;

async function seal(lab: Lab, type: BackupType, capture: (backupId: BackupId) => Promise<Receipt>) {
  const backupId = await lab.repository.reserve(new Date(), randomUUID());
  const { notes = [], ...record } = await capture(backupId);
  await lab.repository.seal({
    timestamp: backupId,
    configuration: {},
    body: {
      appliance: 'lab',
      type,
      tool: 'test',
      startedAt: new Date().toISOString(),
      components: [record],
      failures: [],
      workflow: null,
    },
  });
  return { backupId, record, notes };
}

const full = async (lab: Lab) => seal(lab, 'full', async () => lab.capture());

const incremental = async (lab: Lab, driver: Driver = lab.driver) =>
  seal(lab, 'incremental', async (backupId) =>
    captureIncrement({
      repository: lab.repository,
      driver,
      host: 'main',
      backupId,
      previous: undefined,
      resumePacks: [],
      onProgress: () => undefined,
      signal,
    }),
  );

const choose = async (lab: Lab, goal: RestoreGoal, at = 'latest') =>
  selectArtefacts({
    repository: lab.repository,
    appliance: { name: 'lab', formerNames: [], components: [lab.config] } as unknown as Appliance,
    goal,
    at,
    components: [],
  });

const rowsOf = async (lab: Lab) => (await lab.sql('SELECT count(*)::int AS n FROM messages')).rows[0] as { n: number };

labTest(
  'D2.2: an increment is a position on the last base, and brings back exactly what was committed until then',
  async ({ lab: make }) => {
    const lab = await make();
    const archiving = await archivingOf(lab);
    const base = await full(lab);
    await write(lab, 5000);
    const before = await rowsOf(lab);
    const { backupId, record, notes } = await incremental(lab);
    await write(lab, 3000);
    expect(notes).toEqual([]);
    expect(record).toMatchObject({ indexId: base.record.indexId, storedBytes: 0, chain: { base: base.backupId } });
    expect(record.chain?.walBytes).toBeGreaterThan(1000);

    const choice = await choose(lab, { kind: 'point' });
    expect(choice.backupId).toBe(backupId);
    const { wal } = choice.artefacts[0]!;
    expect(wal).toMatchObject({ kind: 'point', value: record.chain?.endLsn });

    await lab.driver.stage(lab.step(record, 1, 1, wal));
    const probes = await lab.driver.validate(lab.step(record, 2, 1, wal));
    expect(probes.filter(({ ok }) => !ok)).toEqual([]);
    expect(probes.find(({ name }) => name === 'table public.messages')?.actual).toBe(`${before.n} rows`);
    // A further one stands on the same base, not on the increment.
    expect((await incremental(lab)).record.chain?.base).toBe(base.backupId);
    archiving.abort();
  },
);

labTest(
  'X6: without Lifeboat, restore.sh has a server replay archived WAL to exactly what was committed at the increment',
  async ({ lab: make, folder }) => {
    const lab = await make();
    const space = join(folder, 'space of its own');
    await mkdir(space, { mode: 0o700 });
    const admin = await lab.server.connect();
    await admin.query(`CREATE TABLESPACE other LOCATION '${space}'`);
    await admin.end();
    await lab.sql('CREATE TABLE elsewhere TABLESPACE other AS SELECT g AS id FROM generate_series(1, 1000) g');
    const archiving = await archivingOf(lab);
    const base = await full(lab);
    await write(lab, 5000);
    // A whole segment, and stretches of the next ones.
    await lab.sql('SELECT pg_switch_wal()');
    await lab.sql('DELETE FROM elsewhere WHERE id > 600');
    const before = await rowsOf(lab);
    const { backupId, record } = await incremental(lab);
    // Archived behind the point, partly in the same segment: it must not be replayed.
    await write(lab, 3000);
    await lab.sql('DELETE FROM elsewhere');
    const after = await flushed(lab);
    await until(async () => parseLsn((await (await archiveOf(lab)).coverage(1))?.lsn ?? '0/0') >= after);
    archiving.abort();

    const repository = join(lab.folder, 'repository');
    const key = await secretFile(folder, formatRecoveryKey(testKey.key));
    const target = join(folder, 'by hand', 'data');
    // Somebody has put it there: the number may have been used.
    const planted = join(repository, 'wal/postgres', base.record.facts['systemIdentifier'] as string, '00000002');
    await mkdir(planted, { recursive: true });
    await writeFile(join(planted, '00000002.history'), 'garbage');
    const { stderr } = await runScript(repository, ['-k', key, 'restore', backupId, 'postgres', target]);
    expect(stderr).toContain(`its base ${base.backupId} with the archived WAL up to ${record.chain?.endLsn}`);
    expect(stderr).toContain('everything was restored and verified');
    const rows = async (server: RunningPostgres) => {
      const client = await server.connect(database);
      try {
        const { rows: found } = await client.query(
          `SELECT (SELECT count(*)::int FROM messages) AS n, (SELECT count(*)::int FROM elsewhere) AS elsewhere,
                  pg_is_in_recovery() AS recovering, (SELECT timeline_id FROM pg_control_checkpoint()) AS timeline`,
        );
        return found[0] as { readonly recovering: boolean };
      } finally {
        await client.end();
      }
    };
    // As a source does whose limits were raised since the base: the log asks for more than the restored server has.
    await appendFile(join(target, 'postgresql.auto.conf'), 'max_connections = 20\n');
    // Who reads before all is replayed would take an older state for everything: it answers then, and not before.
    const server = await startPostgres({ directory: dirname(target) });
    try {
      expect(await rows(server)).toMatchObject({ ...before, elsewhere: 600, timeline: 3, recovering: false });
      expect(await readFile(join(dirname(target), 'postgres.log'), 'utf8')).toContain('archive recovery complete');
      // It may be written to, and what it was told for its first start may go.
      const client = await server.connect(database);
      await client.query('INSERT INTO elsewhere VALUES (0)');
      await client.query('ALTER SYSTEM RESET restore_command');
      await client.end();
    } finally {
      await server.stop();
    }
    // The live tablespace, which the captured map names, is as it was.
    expect(await rows(lab.server)).toMatchObject({ n: before.n + 3000, elsewhere: 0 });
  },
);

labTest(
  'X14: a clock that was put back: what was covered in a time to come proves nothing of now, and the increment waits',
  async ({ lab: make }) => {
    const lab = await make();
    await shift(lab, 1000);
    await full(lab);
    const archive = await archiveOf(lab);
    const { lsn } = (await archive.coverage(1))!;
    await archive.putCoverage(1, { lsn, time: '2099-01-01T00:00:00.000Z' });
    await write(lab, 3000);
    const waiting = incremental(lab);
    await delay(1500);
    const archiving = shiftOf(lab);
    const { notes, record } = await waiting;
    expect([notes, record.chain !== undefined]).toEqual([[], true]);
    archiving.abort();
  },
);

labTest(
  'D2.2: where nothing leads from the last base to the present, a new one is captured and says why',
  async ({ lab: make }) => {
    const lab = await make();
    const first = await incremental(lab);
    expect(first.notes).toEqual(['a new base was captured: there is none yet']);
    expect(first.record.chain).toBeUndefined();
    const unarchived = lab.driverWith({ wal: { ...lab.config.wal, archive: false } });
    expect((await incremental(lab, unarchived)).notes[0]).toContain('its WAL is not archived (wal.archive)');
    const archiving = await archivingOf(lab);
    await write(lab, 2000);
    const patient = lab.driverWith({ wal: { ...lab.config.wal, replayLimitSeconds: 0 } });
    await full(lab);
    await write(lab, 2000);
    const third = await incremental(lab, patient);
    expect(third.notes[0]).toMatch(/of WAL would take about .* to replay, more than 0(\.0)? s \(wal\.replayLimit\)/);
    expect(third.record.chain).toBeUndefined();
    // F7: a name is no proof that what it stands for is there.
    const end = await write(lab, 2000);
    const archive = await archiveOf(lab);
    await until(async () => (await archive.list()).pieces.some(({ endLsn }) => endLsn >= end));
    const { pieces } = await archive.list();
    const { stopLsn } = baseEndOf(third.record)!;
    for (const each of pieces.filter(({ startLsn, endLsn }) => startLsn <= stopLsn && endLsn > stopLsn))
      await writeFile(join(lab.folder, 'repository', archive.keyOf(each)), 'x');
    const fourth = await incremental(lab);
    expect(fourth.notes[0]).toMatch(/archived WAL leads from the base to nowhere, .*: wal\/postgres\/.* frame/);
    expect(fourth.record.chain).toBeUndefined();
    archiving.abort();
  },
);

labTest(
  'F7: what a copy of the server archived under its positions is no increment of it: a new base is captured',
  async ({ lab: make }) => {
    const lab = await make();
    await shift(lab, 1000);
    await full(lab);
    await shiftPast(lab);
    const archive = await archiveOf(lab);
    const [{ endLsn: sealedTo }] = coveredRanges((await archive.list()).pieces, 1).slice(-1) as [WalRange];
    await lab.stop();
    const { dataDirectory } = lab.config;
    await cp(dataDirectory, `${dataDirectory}-older`, { recursive: true });
    await lab.start();
    // The server is at the very end of what another one archived.
    const end = await write(lab, 1000);
    const forged = { timeline: 1, startLsn: sealedTo, endLsn: end };
    await archive.put(forged, randomBytes(Number(end - sealedTo)), new Date().toISOString());
    const beside = await incremental(lab);
    expect(beside.notes[0]).toMatch(/the archive holds other WAL from .* on timeline 1 than the server has there/);
    expect(beside.record.chain).toBeUndefined();
    await rm(join(lab.folder, 'repository', archive.keyOf(forged)));

    await write(lab, 2000);
    await shiftPast(lab);
    expect((await incremental(lab)).notes, 'its own WAL').toEqual([]);
    expect(await lab.driver.checkArchive!(lab.repository)).toEqual([]);
    await lab.stop();
    await rm(dataDirectory, { recursive: true });
    await rename(`${dataDirectory}-older`, dataDirectory);
    await lab.start();
    await write(lab, 500);
    expect(await lab.driver.checkArchive!(lab.repository)).toMatchObject([
      { level: 'fail', hint: expect.stringContaining('give a clone a repository of its own') as string },
    ]);
    const behind = await incremental(lab);
    expect(behind.notes[0]).toMatch(/the server is at .* on timeline 1, the archive already at/);
    expect(behind.record.chain).toBeUndefined();

    // The new base lies where other WAL is archived: nothing leads on from it, and what seems to is not taken.
    expect(behind.record.facts['notes']).toContainEqual(expect.stringContaining('the archive already at'));
    const after = await incremental(lab);
    expect(after.notes[0]).toContain('archived WAL of its timeline is not its own');
    expect(await walStatus(lab.repository, 'postgres')).toMatchObject({
      state: 'broken',
      reason: expect.stringContaining('give a clone a repository of its own') as string,
    });
    await archive.putCoverage(1, { ...(await archive.coverage(1))!, time: '2099-01-01T00:00:00.000Z' });
    expect((await choose(lab, { kind: 'latest' })).backupId).toBe(after.backupId);
    const now = new Date().toISOString();
    await expect(choose(lab, { kind: 'time', value: now })).rejects.toMatchObject({ code: 'Precondition' });
  },
);

labTest(
  'a base whose timeline is not its own in the archive: no increment waits for WAL that never comes',
  async ({ lab: make }) => {
    const lab = await make();
    const taken = async () => {
      const { record } = await full(lab);
      expect(baseEndOf(record)).toBeUndefined();
      const { notes } = await incremental(lab);
      expect(notes[0]).toContain('archived WAL of its timeline is not its own');
      return record.facts['notes'];
    };
    await restoredAgain(lab, await lab.capture(), 1);
    const archive = await archiveOf(lab);
    await archive.putHistory(2, '1\t0/1\tanother server\n', new Date().toISOString());
    expect(await taken()).toContainEqual(expect.stringContaining('another server had timeline 2 before'));

    const [stored] = globSync(join(lab.folder, 'repository', 'wal', '**', '*.history'));
    await writeFile(stored!, 'damaged');
    expect((await full(lab)).record.facts, 'stored anew').not.toHaveProperty('timelineTaken');
    expect(await archive.ancestors(2)).toMatchObject([{ timeline: 1 }]);

    await rm(join(lab.config.dataDirectory, 'pg_wal', '00000002.history'));
    expect(await taken()).toContainEqual(expect.stringContaining('has lost the history file of its timeline 2'));
  },
);

labTest(
  'D2.7: WAL that is missing or damaged between base and end fails the verification, and a restore before it begins',
  async ({ lab: make }) => {
    const lab = await make();
    const archiving = await archivingOf(lab);
    await full(lab);
    await write(lab, 2000);
    await incremental(lab);
    await write(lab, 2000);
    const { backupId, record } = await incremental(lab);
    archiving.abort();
    await archiving.running.catch(() => undefined);
    const verify = async () =>
      verifyPoint({
        repository: lab.repository,
        at: backupId,
        components: [],
        levels: ['L1'],
        onProgress: () => undefined,
        signal,
        orThrow: false,
      });
    expect(await verify()).toMatchObject({ ok: true, problems: [] });
    const keys: string[] = [];
    for await (const { key } of lab.repository.storage.list('wal/')) if (/\/[0-9A-F]{24}/.test(key)) keys.push(key);
    const place = join(lab.folder, 'repository', keys.at(-1)!);
    await writeFile(place, Buffer.alloc(4096, 7), { flag: 'r+' }).catch(async () => {
      await rm(place);
      await writeFile(place, Buffer.alloc(4096, 7));
    });
    expect((await verify()).problems[0]).toMatch(/^postgres: ObjectCorrupt: wal\/postgres\//);
    for (const key of keys) await rm(join(lab.folder, 'repository', key), { force: true });
    expect((await verify()).problems[0]).toContain('postgres: ObjectMissing: archived WAL leads from its base');
    await expect(choose(lab, { kind: 'point' }, backupId)).rejects.toMatchObject({
      code: 'ObjectMissing',
      hint: expect.stringContaining(record.chain!.base) as string,
    });
  },
);
