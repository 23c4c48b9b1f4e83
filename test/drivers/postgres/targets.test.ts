import { chmod, lstat, open, rename, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import { readControlFile } from '../../../src/drivers/postgres/server/control-file.ts';
import { enlarged } from '../../contracts/enlarged.ts';
import { labTest } from './lab.ts';

labTest('D3.2: a live directory behind a link is refused in the plan and by stage', async ({ lab }) => {
  const { driver, capture, step, stop, config } = await lab();
  const record = await capture();
  await stop();
  await rename(config.dataDirectory, `${config.dataDirectory}-real`);
  await symlink(`${config.dataDirectory}-real`, config.dataDirectory);
  const [target] = await driver.restoreTargets(record);
  expect(target?.problems.map((problem) => problem.code)).toEqual(['Precondition']);
  expect(target?.problems[0]?.hint).toContain(`${config.dataDirectory}-real`);
  await expect(driver.stage(step(record, 1))).rejects.toMatchObject({ code: 'Precondition', message: /is a link/ });
});

labTest(
  'D3.2: a folder that cannot be written, and a user who is neither root nor the owner, stand in the plan',
  async ({ lab }) => {
    const { driverWith, capture, config } = await lab();
    const record = await capture();
    const [other] = await driverWith({ osUser: 'nobody' }).restoreTargets(record);
    expect(other?.problems).toEqual([expect.objectContaining({ code: 'PermissionDenied' })]);
    const [asRoot] = await driverWith({ osUser: 'root' }).restoreTargets(record);
    expect(asRoot?.problems[0]?.message).toContain('would belong to root');
    const gone = driverWith({ dataDirectory: join(dirname(config.dataDirectory), 'closed', 'data') });
    await chmod(dirname(config.dataDirectory), 0o500);
    try {
      const [target] = await gone.restoreTargets(record);
      expect(target?.problems.map((problem) => problem.code)).toEqual(['PermissionDenied']);
    } finally {
      await chmod(dirname(config.dataDirectory), 0o700);
    }
  },
);

labTest('D6.1: --replace-damaged deletes nothing that runs or is not proven damaged', async ({ lab }) => {
  const { driver, sql, capture, step, stop, start, config, repository } = await lab();
  const record = await capture();
  // Both sizes are claimed, not written: no disk has room for two such copies, and one such copy is live.
  const core = await open(join(config.dataDirectory, 'core'), 'w');
  await core.truncate(2 ** 43);
  await core.close();
  const replacing = (attempt: number) => ({
    ...step(record, 1, attempt),
    repository: enlarged(repository, 2 ** 32),
    replaceDamaged: true,
  });
  await expect(driver.stage(replacing(1))).rejects.toMatchObject({ code: 'Precondition', message: /runs on/ });
  await stop();
  await expect(driver.stage(replacing(2))).rejects.toMatchObject({
    code: 'Precondition',
    message: /nothing is proven/,
  });
  expect(await readControlFile(config.dataDirectory)).toMatchObject({ isShutDown: true, timeline: 1 });
  await writeFile(join(config.dataDirectory, 'global', 'pg_control'), '');
  await expect(driver.stage({ ...replacing(3), replaceDamaged: false })).rejects.toMatchObject({ code: 'NoSpace' });
  await driver.stage(replacing(4));
  await expect(lstat(config.dataDirectory)).rejects.toThrow('ENOENT');
  await driver.validate(step(record, 2));
  await driver.swap(step(record, 3));
  await start();
  expect((await sql('SELECT count(*)::int AS n FROM messages')).rows).toEqual([{ n: 5000 }]);
});
