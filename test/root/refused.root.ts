/** A root that may not everything, as in a container: what refuses it is told, not to become root. */
import { execFile } from 'node:child_process';
import { chown, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'vitest';
import { findOsUser } from '../../src/platform/process/os-user.ts';
import { folderTest as test } from '../support/folder-test.ts';

const run = promisify(execFile);
const source = (path: string): string => JSON.stringify(new URL(`../../src/${path}`, import.meta.url).href);

test('a root without CAP_DAC_OVERRIDE is told what may refuse it, of a path and of a repository', async ({
  folder,
}) => {
  const { uid, gid } = await findOsUser(process.env['LIFEBOAT_RUN_USER'] ?? 'lifeboat');
  const closed = join(folder, 'closed');
  await mkdir(closed, { mode: 0o700 });
  await writeFile(join(closed, 'file'), 'x');
  await chown(closed, uid, gid);
  const config = { id: 'data', kind: 'files', host: 'main', tier: 'critical', priority: 1, services: [] };
  const script = `
    const { createFilesDriver } = await import(${source('drivers/files/driver.ts')});
    const { createProcessTarget } = await import(${source('platform/process/process-target.ts')});
    const { createLocalStorage } = await import(${source('storage/local/local-storage.ts')});
    const config = ${JSON.stringify({ ...config, paths: [closed], exclude: [] })};
    const environment = { target: createProcessTarget(), stateDir: '/nowhere', secret: async () => undefined };
    const driver = createFilesDriver(config, environment);
    const refused = await createLocalStorage(${JSON.stringify(closed)}).read('reports/r').catch((error) => error);
    console.log(JSON.stringify([...(await driver.check()), { level: 'fail', hint: refused.hint }]));`;
  const narrow = ['--inh-caps=-all', '--bounding-set=-dac_override,-dac_read_search'];
  const { stdout } = await run('setpriv', [...narrow, process.execPath, '--input-type=module', '-e', script]);
  const found = JSON.parse(stdout) as { readonly level: string; readonly hint?: string }[];
  const failures = found.filter(({ level }) => level === 'fail');
  expect(failures).toHaveLength(2);
  for (const { hint } of failures) {
    expect(hint).toMatch(/^root itself is refused.*CAP_DAC_OVERRIDE/);
    expect(hint).not.toMatch(/as root/);
  }
});
