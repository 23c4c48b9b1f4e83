import { chown, mkdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { startPostgres } from '../../src/dev/postgres.ts';
import { findOsUser } from '../../src/platform/process/os-user.ts';
import { createProcessPlatform } from '../../src/platform/process/process-platform.ts';
import { nodeService } from '../platform/services.ts';
import { folderTest as test } from '../support/folder-test.ts';
import { waitFor } from '../support/wait-for.ts';

const never = new AbortController().signal;
const runUser = process.env['LIFEBOAT_RUN_USER'] ?? 'lifeboat';

test('a worker that runs as root starts a service as its own user, without root among its groups', async ({
  folder,
}) => {
  const user = await findOsUser(runUser);
  await chown(folder, user.uid, user.gid);
  const base = nodeService(
    folder,
    `console.log([process.getuid(), ...process.getgroups()].join()); setInterval(() => {}, 1000)`,
  );
  const platform = createProcessPlatform([{ ...base, run: { ...base.run, user: runUser } }]);
  await platform.start('app', never);
  try {
    await waitFor(async () => expect(await readFile(base.run.logFile, 'utf8')).toBe(`${user.uid},${user.gid}\n`));
  } finally {
    await platform.stop('app', never);
  }
});

test('root prepares PostgreSQL for another user and never runs it itself', async ({ folder }) => {
  const user = await findOsUser(runUser);
  await chown(folder, user.uid, user.gid);
  const directory = join(folder, 'pg');
  await mkdir(directory);
  await expect(startPostgres({ directory })).rejects.toMatchObject({ code: 'Precondition' });
  const postgres = await startPostgres({ directory, user });
  try {
    expect((await stat(postgres.dataDirectory)).uid).toBe(user.uid);
    expect((await stat(`/proc/${postgres.pid}`)).uid).toBe(user.uid);
  } finally {
    await postgres.stop();
  }
});
