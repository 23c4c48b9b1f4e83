import { execFile } from 'node:child_process';
import { chmod, mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findTemporal } from '../../src/dev/engines.ts';
import { temporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts';
import { run, transcript } from './transcript.ts';

let folder: TemporaryFolder;
beforeAll(async () => void (folder = await temporaryFolder('service')));
afterAll(async () => folder.remove());

const configOf = (more = ''): string => `appliance: shop
state: /var/lib/lifeboat
repository: { path: /backups, encryption: none }
components: { data: { kind: files, paths: [/srv/data] } }
${more}`;

const invocation = () => ({ cwd: folder.path, env: { LIFEBOAT_TEMPORAL: findTemporal() } });
const says = async (...args: string[]) =>
  transcript(['service', ...args, '--root', join(folder.path, 'image')], invocation());
const unit = async (name: string) =>
  readFile(join(folder.path, 'image/etc/systemd/system', `lifeboat-${name}`), 'utf8');

test('units are written, enabled and checked by systemd itself; again changes nothing; uninstalled, nothing is left', async () => {
  await writeFile(join(folder.path, 'lifeboat.yaml'), configOf());
  expect(await says('status')).toMatchInlineSnapshot(`
    "$ lifeboat service status --root /folder/image
    UNIT  FILE  ENABLED  ACTIVE
    lifeboat-temporal.service  missing  unknown
    lifeboat-worker.service  missing  unknown
    lifeboat-watchdog.service  missing  by its timer
    lifeboat-watchdog.timer  missing  unknown
    !   hint: \`lifeboat service install\` writes, enables and starts them anew
    exit 3"
  `);
  expect(await says('install')).toMatchInlineSnapshot(`
    "$ lifeboat service install --root /folder/image
    written  /folder/image/etc/systemd/system/lifeboat-temporal.service
    written  /folder/image/etc/systemd/system/lifeboat-worker.service
    written  /folder/image/etc/systemd/system/lifeboat-watchdog.service
    written  /folder/image/etc/systemd/system/lifeboat-watchdog.timer
    exit 0"
  `);
  const first = await Promise.all(
    ['temporal.service', 'worker.service', 'watchdog.service', 'watchdog.timer'].map(unit),
  );
  const files = ['temporal.service', 'worker.service', 'watchdog.timer'].map((name) =>
    join(folder.path, 'image/etc/systemd/system', `lifeboat-${name}`),
  );
  const checked = await promisify(execFile)('systemd-analyze', ['verify', '--man=no', ...files]);
  expect(checked.stderr.split('\n').filter((line) => line.includes('lifeboat'))).toEqual([]);
  expect(first[0]).toContain('--db-filename /var/lib/lifeboat/temporal.db');
  expect(first[1]).toMatch(/^ExecStart=.*node \/.*\/main\.mjs --config \/.*\/lifeboat\.yaml worker$/m);
  for (const text of first.slice(0, 2)) expect(text).toMatch(/^Restart=always$/m);
  expect(await says('install')).toMatchInlineSnapshot(`
    "$ lifeboat service install --root /folder/image
    as it was  /folder/image/etc/systemd/system/lifeboat-temporal.service
    as it was  /folder/image/etc/systemd/system/lifeboat-worker.service
    as it was  /folder/image/etc/systemd/system/lifeboat-watchdog.service
    as it was  /folder/image/etc/systemd/system/lifeboat-watchdog.timer
    exit 0"
  `);
  expect(await says('status')).toMatchInlineSnapshot(`
    "$ lifeboat service status --root /folder/image
    UNIT  FILE  ENABLED  ACTIVE
    lifeboat-temporal.service  ok  enabled
    lifeboat-worker.service  ok  enabled
    lifeboat-watchdog.service  ok  by its timer
    lifeboat-watchdog.timer  ok  enabled
    exit 0"
  `);
  expect(await says('uninstall')).toMatchInlineSnapshot(`
    "$ lifeboat service uninstall --root /folder/image
    removed  /folder/image/etc/systemd/system/lifeboat-temporal.service
    removed  /folder/image/etc/systemd/system/lifeboat-worker.service
    removed  /folder/image/etc/systemd/system/lifeboat-watchdog.service
    removed  /folder/image/etc/systemd/system/lifeboat-watchdog.timer
    exit 0"
  `);
  expect(await says('uninstall')).toContain('nothing is installed');
});

test('a cluster gets no server of its own, and programs that the worker started outlive it', async () => {
  await writeFile(
    join(folder.path, 'lifeboat.yaml'),
    configOf(`temporal: { address: 'temporal.example:7233' }
services: { app: { command: [sleep, '9'], pidFile: /run/app.pid, logFile: /var/log/app.log } }`),
  );
  const cluster = await readFile(join(folder.path, 'lifeboat.yaml'), 'utf8');
  await writeFile(join(folder.path, 'lifeboat.yaml'), configOf());
  await says('install');
  await writeFile(join(folder.path, 'lifeboat.yaml'), cluster);
  const text = await says('install');
  expect(text).toContain('removed  /folder/image/etc/systemd/system/lifeboat-temporal.service');
  expect(text).not.toContain('as it was  /folder/image/etc/systemd/system/lifeboat-temporal.service');
  expect(await unit('worker.service')).toMatch(/^KillMode=process$/m);
  await says('uninstall');
});

test('a unit of another configuration is left alone', async () => {
  await writeFile(join(folder.path, 'lifeboat.yaml'), configOf());
  await says('install');
  await writeFile(join(folder.path, 'other.yaml'), configOf().replace('shop', 'other'));
  const other = await run(
    ['-c', 'other.yaml', 'service', 'install', '--root', join(folder.path, 'image')],
    invocation(),
  );
  expect(other).toMatchObject({ code: 5, stderr: expect.stringContaining('was not written for this configuration') });
  expect(await unit('worker.service')).toContain('for shop');
});

test('who may not write units is told before anything is written', async () => {
  await writeFile(join(folder.path, 'lifeboat.yaml'), configOf());
  const root = join(folder.path, 'closed');
  await mkdir(join(root, 'etc'), { recursive: true });
  await chmod(join(root, 'etc'), 0o500);
  const refused = await run(['service', 'install', '--root', root], invocation());
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('hint: run it as root') });
  await chmod(join(root, 'etc'), 0o700);
  expect(await readdir(root)).toEqual(['etc']);
});
