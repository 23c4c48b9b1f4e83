import { createHash } from 'node:crypto';
import { chmod, link, lstat, mkdir, readFile, readdir, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FilesConfig } from '../../../src/domain/appliance.ts';
import { createFilesDriver } from '../../../src/drivers/files/driver.ts';
import { createProcessTarget } from '../../../src/platform/process/process-target.ts';
import { driverContract, type Subject } from '../../contracts/driver.ts';
import { enlarged } from '../../contracts/enlarged.ts';

driverContract('files', async (folder): Promise<Subject> => {
  const live = join(folder, 'live');
  const paths = [join(live, 'etc', 'companion'), join(live, 'compose.yml')];
  await mkdir(live);
  const config: FilesConfig = {
    id: 'configuration',
    kind: 'files',
    host: 'main',
    tier: 'critical',
    priority: 1,
    services: [],
    paths,
    exclude: [],
  };
  const driver = createFilesDriver(config, {
    target: createProcessTarget(),
    stateDir: join(folder, 'state'),
    secret: async () => undefined,
  });
  async function write(text: string): Promise<void> {
    const tree = paths[0] ?? '';
    await rm(tree, { recursive: true, force: true });
    await mkdir(join(tree, 'empty'), { recursive: true });
    await mkdir(join(tree, 'tls'), { mode: 0o700 });
    await writeFile(join(tree, '.env'), `DB_PASSWORD=${text}\n`, { mode: 0o600 });
    await writeFile(join(tree, 'tls', 'server.key'), `${text} key\n`.repeat(100_000), { mode: 0o400 });
    await link(join(tree, '.env'), join(tree, 'env.copy'));
    await symlink('tls/server.key', join(tree, 'current.key'));
    await writeFile(paths[1] ?? '', `services: ${text}\n`);
  }
  return {
    config,
    driver,
    module: join(import.meta.dirname, '../../../src/drivers/files/driver.ts'),
    factory: 'createFilesDriver',
    start: async () => {},
    stop: async () => {},
    seed: () => write('seeded'),
    change: () => write('changed'),
    content: async () => (await Promise.all(paths.map(describeTree))).join('\n'),
    destroy: () => rm(live, { recursive: true }),
    empty: () => rm(paths[1] ?? ''),
    deny: () => chmod(join(paths[0] ?? '', '.env'), 0),
    async lock() {
      await mkdir(live, { recursive: true });
      await chmod(live, 0o500);
      return { unlock: () => chmod(live, 0o700) };
    },
    enlarge: enlarged,
    dispose: async () => {
      await chmod(live, 0o700).catch(() => {});
    },
  };
});

/** Everything that a restore must bring back, as text. */
async function describeTree(path: string): Promise<string> {
  const stats = await lstat(path, { bigint: true }).catch(() => undefined);
  if (stats === undefined) return `${path} absent`;
  const mode = (stats.mode & 0o7777n).toString(8);
  if (stats.isSymbolicLink()) return `${path} -> ${await readlink(path)}`;
  if (stats.isFile())
    return `${path} ${mode} ${stats.nlink} ${createHash('sha256')
      .update(await readFile(path))
      .digest('hex')}`;
  const inner = await Promise.all((await readdir(path)).toSorted().map((name) => describeTree(join(path, name))));
  return [`${path} ${mode}`, ...inner].join('\n');
}
