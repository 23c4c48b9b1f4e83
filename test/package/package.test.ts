import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTemporal } from '../support/engines.ts';
import { temporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);
let folder: TemporaryFolder;
let command: string;

/** Packed from a copy: the tests' user need not be able to write into the checkout. */
beforeAll(async () => {
  folder = await temporaryFolder('package');
  const source = join(folder.path, 'source');
  for (const name of [
    'src',
    'workflows',
    'activities',
    'workers',
    'schedules',
    'docs',
    'package.json',
    'README.md',
    'CHANGELOG.md',
    'tsconfig.json',
    'tsconfig.build.json',
  ]) {
    await cp(join(root, name), join(source, name), { recursive: true });
  }
  // The compiler looks for packages above the source; the copy has none of its own.
  await symlink(join(root, 'node_modules'), join(source, 'node_modules'));
  const npm = {
    env: { ...process.env, npm_config_cache: join(folder.path, 'npm'), npm_config_update_notifier: 'false' },
  };
  await run('npm', ['run', 'build'], { cwd: source, ...npm });
  await run('npm', ['pack', '--ignore-scripts', '--pack-destination', folder.path], { cwd: source, ...npm });
  command = await unpack(join(folder.path, 'lifeboat-0.1.0.tgz'), join(folder.path, 'elsewhere', 'node_modules'));
});
afterAll(async () => folder.remove());

/**
 * As npm installs it: the packed files, the command, and of the packages those alone that the package declares. They are
 * links to what set-up has installed by the same declarations: a second copy of 290 MB would be half of this test.
 */
async function unpack(archive: string, modules: string): Promise<string> {
  const here = join(modules, 'lifeboat');
  await mkdir(join(modules, '.bin'), { recursive: true });
  await mkdir(here);
  await run('tar', ['-xzf', archive, '-C', here, '--strip-components=1']);
  const { bin, dependencies } = JSON.parse(await readFile(join(here, 'package.json'), 'utf8')) as {
    readonly bin: { readonly lifeboat: string };
    readonly dependencies: Readonly<Record<string, string>>;
  };
  for (const name of Object.keys(dependencies)) {
    await mkdir(dirname(join(modules, name)), { recursive: true });
    await symlink(join(root, 'node_modules', name), join(modules, name));
  }
  const program = join(modules, '.bin', 'lifeboat');
  await symlink(join('..', 'lifeboat', bin.lifeboat), program);
  await chmod(program, 0o755);
  return program;
}

test('the packed command runs elsewhere: init, doctor and worker', async () => {
  const temporal = await startTemporal();
  const data = join(folder.path, 'data');
  await mkdir(data);
  await writeFile(join(data, 'app.conf'), 'x');
  const config = join(folder.path, 'lifeboat.yaml');
  await writeFile(
    config,
    `appliance: packed
state: ${join(folder.path, 'state')}
repository: { path: ${join(folder.path, 'backups')}, encryption: { key: { file: ${join(folder.path, 'key')} } } }
temporal: { address: '${temporal.address}', namespace: ${temporal.namespace} }
components: { configuration: { kind: files, paths: [${data}] } }
`,
  );
  try {
    const { stdout: kit } = await run(command, ['-c', config, 'init']);
    expect(kit).toContain('LIFEBOAT RECOVERY KIT');
    const worker = spawn(command, ['-c', config, 'worker'], { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    worker.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    await expect.poll(() => said).toContain('worker of packed on host main runs');
    await writeFile(join(folder.path, 'kit'), kit);
    const { stdout } = await run(command, [
      '-c',
      config,
      '-o',
      'json',
      'doctor',
      '--try-recovery-kit',
      join(folder.path, 'kit'),
    ]).catch((error: { stdout: string }) => error);
    const findings = JSON.parse(stdout) as { name: string; level: string }[];
    // It has one disk only, and is told so.
    expect(findings.filter(({ level }) => level === 'fail').map(({ name }) => name)).toEqual(['off-host copies']);
    expect(findings.find(({ name }) => name === 'worker')?.level).toBe('ok');
    const { stdout: result } = await run(command, ['-c', config, '-o', 'json', 'backups', 'run']);
    expect(JSON.parse(result)).toMatchObject({ state: 'sealed' });
    const exited = once(worker, 'exit');
    worker.kill('SIGTERM');
    expect(await exited).toEqual([0, null]);
    expect(await readFile(config, 'utf8')).toContain('appliance: packed');
  } finally {
    await temporal.stop();
  }
});
