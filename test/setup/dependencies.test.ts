import { mkdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { provideDependencies } from '../../setup/dependencies.mjs';
import { folderTest as test } from '../support/folder-test.ts';

interface LockedPackage {
  readonly link?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

test('set-up changes neither package.json nor lock file, and installs again only when their content changes', async ({
  folder,
}) => {
  const files = [join(folder, 'package.json'), join(folder, 'package-lock.json')];
  await mkdir(join(folder, 'needed'));
  await writeFile(join(folder, 'needed', 'package.json'), '{ "name": "needed", "version": "1.0.0" }');
  const contents = [
    '{ "name": "clone", "version": "1.0.0", "dependencies": { "needed": "file:./needed" } }',
    // Lacks the dependency, which npm would add.
    '{ "name": "clone", "version": "1.0.0", "lockfileVersion": 3, "packages": { "": { "name": "clone" } } }',
  ];
  for (const [at, file] of files.entries()) await writeFile(file, contents[at] ?? '');
  await provideDependencies(folder);
  expect(JSON.parse(await readFile(join(folder, 'node_modules', 'needed', 'package.json'), 'utf8'))).toMatchObject({
    name: 'needed',
  });
  expect(await Promise.all(files.map(async (file) => readFile(file, 'utf8')))).toEqual(contents);

  const installed = async (): Promise<number> =>
    (await stat(join(folder, 'node_modules', '.lifeboat-installed'))).mtimeMs;
  const first = await installed();
  const later = new Date(Date.now() + 60_000);
  for (const file of files) await utimes(file, later, later);
  await provideDependencies(folder);
  expect(await installed()).toBe(first);
  await writeFile(files[0] ?? '', contents[0]?.replace('1.0.0', '1.0.1') ?? '');
  await provideDependencies(folder);
  expect(await installed()).toBeGreaterThan(first);
});

test('the lock file names every package that a locked package needs, for Linux at least, and no host', async () => {
  const path = fileURLToPath(new URL('../../package-lock.json', import.meta.url));
  const { packages } = JSON.parse(await readFile(path, 'utf8')) as { packages: Record<string, LockedPackage> };
  const absent = Object.entries(packages).flatMap(([from, entry]) =>
    Object.keys({ ...entry.dependencies, ...entry.devDependencies, ...entry.optionalDependencies })
      .filter((name) => !foldersAbove(from).some((folder) => `${folder}node_modules/${name}` in packages))
      // A registry may lack builds for other systems; whoever locks there must not be stopped by it.
      .filter((name) => !/\/(?:mac|win)-|-riscv64$|-armv7l$/.test(name))
      .map((name) => `${from} needs ${name}`),
  );
  expect(Object.keys(packages).length).toBeGreaterThan(200);
  expect(absent).toEqual([]);
  expect(await readFile(path, 'utf8')).not.toMatch(/"resolved": "\w+:/);
});

/** Where Node looks for what the package in `folder` imports, nearest first. */
function foldersAbove(folder: string): string[] {
  if (folder === '') return [''];
  const parent = folder.slice(0, Math.max(0, folder.lastIndexOf('node_modules/'))).replace(/\/$/, '');
  return [`${folder}/`, ...foldersAbove(parent)];
}
