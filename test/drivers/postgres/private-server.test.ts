import { lstat, mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { findPostgresBin } from '../../../src/dev/engines.ts';
import { sortingProbes } from '../../../src/drivers/postgres/restore/collations.ts';
import type { SealedFacts } from '../../../src/drivers/postgres/facts.ts';
import { privateFolder } from '../../../src/drivers/postgres/server/private-server.ts';
import { runningPostmaster } from '../../../src/drivers/postgres/server/postmaster.ts';
import { isReadyForLive, recoveredTo, unsyncedMark } from '../../../src/drivers/postgres/restore/staged-directory.ts';
import { parseLsn } from '../../../src/domain/lsn.ts';
import { labTest, sealedJson } from './lab.ts';
import { staged, startOn } from './private.ts';

labTest(
  'D2.7: validation succeeds after an earlier one was killed, with its server left running or dead',
  async ({ lab }) => {
    const made = await lab();
    const { record, path } = await staged(made);
    const left = await startOn(made, record, path);
    const leftPid = await runningPostmaster(path);
    expect(await isReadyForLive(path)).toBe(false);
    expect((await made.driver.validate(made.step(record, 2, 2))).filter((probe) => !probe.ok)).toEqual([]);
    expect(await runningPostmaster(path)).toBeUndefined();
    expect(() => process.kill(leftPid!, 0)).toThrow('ESRCH');
    await left.kill();

    await startOn(made, record, path);
    process.kill((await runningPostmaster(path))!, 'SIGKILL');
    await expect.poll(() => runningPostmaster(path)).toBeUndefined();
    const probes = await made.driver.validate(made.step(record, 2, 3));
    expect(probes.filter((probe) => !probe.ok)).toEqual([]);
    expect(await isReadyForLive(path)).toBe(true);
    const facts = await sealedJson<SealedFacts>(made.repository, record, '.lifeboat/facts.json');
    const reached = await recoveredTo(path);
    expect(parseLsn(reached!.lsn)).toBeGreaterThanOrEqual(parseLsn(facts.stopLsn));
    expect(reached!.timeline).toBe(facts.timeline + 1);
  },
);

labTest(
  'a directory that a private server left before the host was started anew is refused, and never ready',
  async ({ lab }) => {
    const made = await lab();
    const { record, path } = await staged(made);
    await writeFile(join(path, unsyncedMark), 'another boot');
    expect(await isReadyForLive(path)).toBe(false);
    await expect(made.driver.validate(made.step(record, 2))).rejects.toMatchObject({
      code: 'Precondition',
      message: expect.stringContaining(path) as string,
      hint: expect.stringContaining('start the restore again') as string,
    });
  },
);

labTest('D2.7: an aborted validation ends its server, and undo removes what is staged', async ({ lab }) => {
  const made = await lab();
  const { record, path } = await staged(made);
  const controller = new AbortController();
  const context = {
    ...made.step(record, 2),
    signal: controller.signal,
    onProgress: ({ phase }: { readonly phase: string }) => {
      if (phase === 'probe') controller.abort(new Error('given up'));
    },
  };
  await expect(made.driver.validate(context)).rejects.toThrow('given up');
  expect(await runningPostmaster(path)).toBeUndefined();
  await made.driver.undo(made.step(record, 9));
  await expect(lstat(path)).rejects.toThrow('ENOENT');
});

labTest('D2.7: a shutdown that hangs is ended by an abort, and else after its time', async ({ lab }) => {
  const made = await lab();
  const { record, path } = await staged(made);
  const controller = new AbortController();
  const ways = [
    { options: { signal: controller.signal }, expected: { message: 'given up' } },
    { options: { stopTimeoutMs: 200 }, expected: { code: 'EngineFailed', message: /within 0\.2 s/ } },
  ];
  for (const { options, expected } of ways) {
    const server = await startOn(made, record, path, options);
    const pid = (await runningPostmaster(path))!;
    process.kill(pid, 'SIGSTOP');
    const stopping = server.stop();
    controller.abort(new Error('given up'));
    await expect(stopping).rejects.toMatchObject(expected);
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    await expect(lstat(privateFolder(path))).rejects.toThrow('ENOENT');
  }
});

labTest(
  'X18: without pg_waldump the restore goes on, and tells that the WAL was not looked at',
  async ({ lab, folder }) => {
    const made = await lab();
    const { record } = await staged(made);
    const binDirectory = join(folder, 'bin');
    await mkdir(binDirectory);
    const installed = findPostgresBin();
    for (const name of (await readdir(installed)).filter((each) => each !== 'pg_waldump'))
      await symlink(join(installed, name), join(binDirectory, name));
    const lacking = made.driverWith({ binDirectory });
    const { notes } = await lacking.stage(made.step(record, 1, 2));
    expect(notes).toEqual([expect.stringContaining(`\`${binDirectory}/pg_waldump\` is missing`)]);
    expect((await lacking.validate(made.step(record, 2))).filter((probe) => !probe.ok)).toEqual([]);
    expect((await made.driver.stage(made.step(record, 1, 3))).notes).toEqual([]);
  },
);

labTest('D6.1: staged WAL that is not what the server wrote fails validation', async ({ lab }) => {
  const made = await lab();
  const { record, path } = await staged(made);
  for (const name of await readdir(join(path, 'pg_wal'))) {
    if (/^[0-9A-F]{24}$/.test(name)) await writeFile(join(path, 'pg_wal', name), Buffer.alloc(16 * 1024 * 1024));
  }
  await expect(made.driver.validate(made.step(record, 2))).rejects.toMatchObject({
    code: 'ValidationFailed',
    message: expect.stringContaining('WAL'),
  });
  expect(await runningPostmaster(path)).toBeUndefined();
});

labTest(
  'D6.1: another major is refused in plan, stage and validation, naming what is missing',
  async ({ lab, folder }) => {
    const made = await lab();
    const { record, path } = await staged(made);
    const foreign = { ...record, facts: { ...record.facts, major: 14 } };
    const [target] = await made.driver.restoreTargets(foreign);
    expect(target?.problems).toEqual([
      expect.objectContaining({ code: 'VersionMismatch', message: expect.stringContaining('PostgreSQL 14') }),
    ]);
    const elsewhere = made.driverWith({ binDirectory: folder });
    await expect(elsewhere.stage(made.step(record, 1, 2))).rejects.toMatchObject({ code: 'VersionMismatch' });
    await writeFile(join(path, 'PG_VERSION'), '14\n');
    await expect(made.driver.validate(made.step(record, 2))).rejects.toMatchObject({ code: 'VersionMismatch' });
  },
);

labTest(
  'D6.7: where the sorting library has another version than at the capture, all indexes are built anew',
  async ({ lab, skip }) => {
    const made = await lab({ isWhole: true });
    const { rows } = await made.sql(
      `SELECT 1 FROM pg_collation WHERE collprovider = 'i' AND pg_collation_actual_version(oid) IS NOT NULL LIMIT 1`,
    );
    skip(rows.length === 0, 'this server was built without ICU');
    const { record, path } = await staged(made);
    const facts = await sealedJson<SealedFacts>(made.repository, record, '.lifeboat/facts.json');
    expect(Object.keys(facts.collations)).toContain('i');
    const server = await startOn(made, record, path);
    try {
      const indexFile = async () => {
        const session = await server.connect('wazuh_chat');
        const row = await session.row(`SELECT pg_relation_filenode('public.messages_pkey')::text AS node`);
        await session.end();
        return row['node'];
      };
      const before = await indexFile();
      expect(await sortingProbes(server, facts, 'postgres')).toEqual([]);
      expect(await indexFile()).toBe(before);
      const older = { ...facts, collations: { i: '1.0' } };
      expect(await sortingProbes(server, older, 'postgres')).toEqual([
        expect.objectContaining({ name: 'sorting library ICU', expected: '1.0', ok: true }),
      ]);
      expect(await indexFile()).not.toBe(before);
    } finally {
      await server.stop();
    }
  },
);
