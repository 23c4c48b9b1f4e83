import { setTimeout as delay } from 'node:timers/promises';
import { randomUUID } from 'node:crypto';
import { globSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { BackupId, BackupType, Receipt } from '../../../src/domain/recovery-point.ts';
import { baseEndOf } from '../../../src/domain/wal.ts';
import { captureIncrement } from '../../../src/operations/capture-increment.ts';
import { chooseArtefacts } from '../../../src/operations/choose-artefacts.ts';
import { verifyPoint } from '../../../src/operations/verify-point.ts';
import type { Appliance } from '../../../src/domain/appliance.ts';
import type { Driver } from '../../../src/drivers/driver.ts';
import { archiveOf, archivingOf, shift, shiftOf, write } from './archiving.ts';
import { labTest, restoredAgain, type Lab } from './lab.ts';

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

    const choice = await chooseArtefacts({
      repository: lab.repository,
      appliance: { components: [lab.config] } as unknown as Appliance,
      goal: { kind: 'point' },
      at: 'latest',
      components: [],
    });
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
    archiving.abort();
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
    await expect(
      chooseArtefacts({
        repository: lab.repository,
        appliance: { components: [lab.config] } as unknown as Appliance,
        goal: { kind: 'point' },
        at: backupId,
        components: [],
      }),
    ).rejects.toMatchObject({ code: 'ObjectMissing', hint: expect.stringContaining(record.chain!.base) as string });
  },
);
