/** Links in the data directory: a base backup follows none, and nothing that one leads to may be missing afterwards. */
import { execFileSync } from 'node:child_process';
import {
  appendFile,
  chmod,
  lstat,
  mkdir,
  readFile,
  readdir,
  readlink,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { isFailed } from '../../../src/domain/probes.ts';
import { makeCertificate } from '../../support/certificate.ts';
import { labTest, sealedJson, type Lab } from './lab.ts';

/** Moves something out of the data directory of a server that stands still, and leaves a link in its place. */
async function moveOut(dataDirectory: string, path: string, target: string): Promise<void> {
  await rename(join(dataDirectory, path), target);
  await symlink(target, join(dataDirectory, path));
}

async function restored({ driver, step, goLive }: Lab, record: Awaited<ReturnType<Lab['capture']>>): Promise<string[]> {
  const { notes = [] } = await driver.stage(step(record, 1));
  expect((await driver.validate(step(record, 2))).filter(isFailed)).toEqual([]);
  await goLive(record);
  expect((await driver.probe(step(record, 4))).filter(isFailed)).toEqual([]);
  return [...notes];
}

labTest(
  'F1: links to configuration, keys, log and WAL come back after a total loss, with what they lead to',
  async ({ lab, folder }) => {
    const made = await lab();
    const { capture, driver, sql, start, stop, step } = made;
    const { dataDirectory } = made.server;
    const [etc, wal, log] = ['etc', 'wal-disk', 'logs'].map((name) => join(folder, name)) as [string, string, string];
    for (const path of [join(etc, 'conf.d'), wal, log]) await mkdir(path, { recursive: true });
    const { cert, key } = await makeCertificate(folder, 'db.test');
    await stop();
    await moveOut(dataDirectory, 'pg_hba.conf', join(etc, 'pg_hba.conf'));
    await moveOut(dataDirectory, 'pg_wal', join(wal, 'pg_wal'));
    await rename(cert, join(etc, 'server.crt'));
    await rename(key, join(etc, 'server.key'));
    // Over a link of its own, and relative.
    await symlink(join(etc, 'server.crt'), join(folder, 'current.crt'));
    await symlink(join(folder, 'current.crt'), join(dataDirectory, 'server.crt'));
    await symlink('../../../etc/server.key', join(dataDirectory, 'server.key'));
    await symlink(log, join(dataDirectory, 'log'));
    await writeFile(join(etc, 'conf.d', 'more.conf'), 'ssl = on\nlogging_collector = on\nwork_mem = 5MB\n');
    await symlink(join(etc, 'conf.d'), join(dataDirectory, 'conf.d'));
    // Named outside the data directory: a link to a file, below a link to a folder.
    await mkdir(join(folder, 'shared'));
    await writeFile(join(folder, 'shared', 'ident.conf'), '# map\n');
    // Not by writeFile, which obeys the umask.
    await chmod(join(folder, 'shared', 'ident.conf'), 0o640);
    await symlink(join(folder, 'shared'), join(etc, 'maps'));
    await symlink('ident.conf', join(folder, 'shared', 'pg_ident.conf'));
    const settings = `\ninclude_dir 'conf.d'\nident_file = '${join(etc, 'maps', 'pg_ident.conf')}'\n`;
    await appendFile(join(dataDirectory, 'postgresql.conf'), settings);
    await start();

    const links = (await driver.check()).filter(({ name }) => name.endsWith('links in the data directory'));
    expect(links.map(({ level, text }) => [level, /`([^`]+)`/.exec(text)?.[1]])).toEqual(
      ['conf.d', 'log', 'pg_hba.conf', 'pg_wal', 'server.crt', 'server.key'].map((path) => ['ok', path]),
    );
    const record = await capture();
    await stop();
    for (const path of [dataDirectory, etc, wal, join(folder, 'shared'), join(folder, 'current.crt')])
      await rm(path, { recursive: true });
    expect(await restored(made, record)).toEqual([]);
    expect((await sql('SHOW work_mem')).rows).toEqual([{ work_mem: '5MB' }]);
    expect((await sql('SHOW ssl')).rows).toEqual([{ ssl: 'on' }]);
    expect(await readlink(join(dataDirectory, 'pg_wal'))).toBe(join(wal, 'pg_wal'));
    expect((await readdir(join(wal, 'pg_wal'))).some((name) => /^[0-9A-F]{24}$/.test(name))).toBe(true);
    expect(await readlink(join(dataDirectory, 'server.crt'))).toBe(join(folder, 'current.crt'));
    expect(await readlink(join(folder, 'current.crt'))).toBe(join(etc, 'server.crt'));
    expect(await readlink(join(etc, 'maps'))).toBe(join(folder, 'shared'));
    expect(await readlink(join(folder, 'shared', 'pg_ident.conf'))).toBe('ident.conf');
    expect(await readFile(join(folder, 'shared', 'ident.conf'), 'utf8')).toBe('# map\n');
    expect((await lstat(join(folder, 'shared', 'ident.conf'))).mode & 0o777).toBe(0o640);
    expect((await lstat(join(etc, 'server.key'))).mode & 0o777).toBe(0o600);
    expect((await readdir(log)).length).toBeGreaterThan(1);
    await driver.commit(step(record, 5));
  },
);

labTest(
  'F1: a certificate that was renewed since stays, and an undone restore brings link and WAL back',
  async ({ lab, folder }) => {
    const made = await lab();
    const { capture, driver, sql, start, stop, step } = made;
    const { dataDirectory } = made.server;
    const wal = join(folder, 'wal');
    const { cert, key } = await makeCertificate(folder, 'db.test');
    await stop();
    await moveOut(dataDirectory, 'pg_wal', wal);
    const current = join(folder, 'current.crt');
    await symlink(cert, current);
    await symlink(current, join(dataDirectory, 'server.crt'));
    await symlink(key, join(dataDirectory, 'server.key'));
    await start();
    const record = await capture();
    const old = await readFile(cert, 'utf8');
    await rm(cert);
    await rm(key);
    await rm(current);
    await makeCertificate(folder, 'db.test');
    await rename(cert, join(folder, 'renewed.crt'));
    await symlink('renewed.crt', current);
    await sql('DELETE FROM messages WHERE id > 10');
    await restored(made, record);
    expect(await readFile(join(dataDirectory, 'server.crt'), 'utf8')).not.toBe(old);
    expect(await readlink(current)).toBe('renewed.crt');
    await expect(lstat(cert)).rejects.toMatchObject({ code: 'ENOENT' });
    expect((await sql('SELECT count(*)::int AS n FROM messages')).rows).toEqual([{ n: 5000 }]);
    await stop();
    await driver.undo(step(record, 9));
    await start();
    expect((await sql('SELECT count(*)::int AS n FROM messages')).rows).toEqual([{ n: 10 }]);
    expect(await readlink(join(dataDirectory, 'pg_wal'))).toBe(wal);
  },
);

labTest(
  'F1: what lies elsewhere and could not be put back fails doctor and backup, by name',
  async ({ lab, folder }) => {
    const made = await lab({ settings: { unix_socket_directories: "'.'" } });
    const { capture, driver, sql, start, stop, repository } = made;
    const { dataDirectory } = made.server;
    execFileSync('mkfifo', [join(dataDirectory, 'a pipe')]);
    const record = await capture();
    expect(record.facts).toMatchObject({ leftOut: { 'named pipe': 1 } });
    expect(await sealedJson(repository, record, '.lifeboat/left-out.json')).toEqual([
      { path: join(dataDirectory, 'a pipe'), what: 'named pipe' },
    ]);

    const { rows } = await sql('SELECT oid::text FROM pg_database WHERE datname = current_database()');
    const base = `base/${(rows as { oid: string }[])[0]!.oid}`;
    const findings = async () => (await driver.check()).filter(({ level }) => level === 'fail');
    await stop();
    await moveOut(dataDirectory, base, join(folder, 'moved'));
    await start();
    const problem = { code: 'Precondition', message: expect.stringContaining(`\`${base}\``) as string };
    await expect(capture()).rejects.toMatchObject(problem);
    expect(await findings()).toMatchObject([
      { text: problem.message, hint: expect.stringContaining('TABLESPACE') as string },
    ]);
    await stop();
    await rm(join(dataDirectory, base));
    await rename(join(folder, 'moved'), join(dataDirectory, base));
    await start();

    await mkdir(join(folder, 'space'));
    await sql(`CREATE TABLESPACE space LOCATION '${join(folder, 'space')}'`);
    await sql('CREATE TABLE far (id int) TABLESPACE space');
    const far = (await sql("SELECT pg_relation_filepath('far') AS path")).rows as { path: string }[];
    await stop();
    await moveOut(dataDirectory, far[0]!.path, join(folder, 'far'));
    await start();
    const inTablespace = { message: expect.stringContaining(`\`${far[0]!.path}\``) as string };
    await expect(capture()).rejects.toMatchObject(inTablespace);
    expect(await findings()).toMatchObject([{ text: inTablespace.message }]);
    await sql('DROP TABLE far');
    await sql('CHECKPOINT');

    await mkdir(join(dataDirectory, 'inner'));
    await sql(`CREATE TABLESPACE inner_space LOCATION '${join(dataDirectory, 'inner')}'`);
    await expect(capture()).rejects.toMatchObject({
      code: 'Precondition',
      message: expect.stringContaining('tablespace `inner_space` lies inside the data directory') as string,
    });
    expect(await findings()).toMatchObject([{ text: expect.stringContaining('inner_space') as string }]);
  },
);
