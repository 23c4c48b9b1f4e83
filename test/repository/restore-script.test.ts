import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { link, mkdir, readFile, readdir, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect } from 'vitest';
import { initRepository } from '../../src/repository/init.ts';
import { formatRecoveryKey } from '../../src/repository/recovery-key.ts';
import { addTree, backUp, describeTree, testKey } from './backup.ts';
import { repositoryTest as test } from './fixture.ts';

const keyText = formatRecoveryKey(testKey.key);

describe('restore.sh', () => {
  test('X6, X18: it restores every kind of entry of every component, verified, with the current writer', async ({
    folder,
    repository,
  }) => {
    const { id, source } = await oddBackup(folder, repository);
    await script(folder, ['-k', await keyFile(folder, keyText), 'restore', id, 'all', join(folder, 'target')]);
    expect(await contentsOf(join(folder, 'target/files'))).toEqual(await contentsOf(source));
  });

  test('it reads an open repository without a key', async ({ folder, storage }) => {
    const { repository } = await initRepository(storage, { mode: 'none' });
    const { id, source } = await oddBackup(folder, repository);
    await repository.close();
    await script(folder, ['restore', id, 'files', join(folder, 'target')]);
    expect(await contentsOf(join(folder, 'target'))).toEqual(await contentsOf(source));
  });

  test('a wrong key, a mistyped key, an unknown point or component each say so and restore nothing', async ({
    folder,
    repository,
  }) => {
    const { id } = await oddBackup(folder, repository);
    const right = await keyFile(folder, keyText);
    const target = join(folder, 'target');
    const cases: readonly (readonly [readonly string[], string])[] = [
      [
        ['-k', await keyFile(folder, formatRecoveryKey(randomBytes(32))), 'list'],
        'the key does not open this repository',
      ],
      [['-k', await keyFile(folder, keyText.replace(/^../, 'ff')), 'list'], 'the key has a typing error in line 1'],
      [['list'], 'this repository is encrypted'],
      [['-k', right, 'restore', '20000101_000000', 'all', target], 'there is no recovery point 20000101_000000'],
      [['-k', right, 'restore', id, 'redis', target], 'has no component redis'],
      [['-k', right, 'restore', id, 'files', join(folder, 'source')], 'is not empty'],
    ];
    for (const [args, message] of cases) {
      await expect(script(folder, args)).rejects.toMatchObject({
        code: 1,
        stderr: expect.stringContaining(message) as string,
      });
    }
    expect(await readdir(folder)).not.toContain('target');
  });

  test('D2.7: a damaged block is named, its file left out, the rest restored, and the exit code is 1', async ({
    folder,
    repository,
  }) => {
    const { id, manifest, record } = await oddBackup(folder, repository);
    const pack = join(
      folder,
      'repository',
      manifest.backup_files.find(({ path }) => path.startsWith('packs/'))?.path ?? '',
    );
    const bytes = await readFile(pack);
    let at = 0;
    for await (const entry of repository.readIndex(record.indexId)) {
      // The second block of the file, behind its header.
      if (entry.type === 'file' && entry.path === 'blocks') at = (entry.blocks[1]?.[1] ?? 0) + 90;
    }
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    await writeFile(pack, bytes);
    const run = script(folder, ['-k', await keyFile(folder, keyText), 'restore', id, 'files', join(folder, 'target')]);
    await expect(run).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/damaged: blocks: block [0-9a-f]{64} in packs\//) as string,
    });
    const all = await contentsOf(join(folder, 'source'));
    expect(await contentsOf(join(folder, 'target'))).toEqual(all.filter((line) => !line.startsWith('blocks ')));
  });

  test('a damaged or forged manifest and a damaged index are refused', async ({ folder, repository }) => {
    const { id, manifest, record } = await oddBackup(folder, repository);
    const key = await keyFile(folder, keyText);
    const index = join(folder, 'repository/indexes', record.indexId);
    const good = await readFile(index);
    await writeFile(index, Buffer.concat([good.subarray(0, 90), Buffer.from('x'), good.subarray(91)]));
    await expect(script(folder, ['-k', key, 'restore', id, 'all', join(folder, 'target')])).rejects.toMatchObject({
      stderr: expect.stringContaining('does not have the SHA-256') as string,
    });
    const path = join(
      folder,
      `repository/manifests/${id.slice(0, 4)}/${id.slice(4, 6)}/${id.slice(6, 8)}/backup_manifest_${id}.json`,
    );
    await writeFile(
      path,
      (await readFile(path, 'utf8')).replace(
        `"total_size": ${manifest.total_size}`,
        `"total_size": ${manifest.total_size + 1}`,
      ),
    );
    expect((await script(folder, ['-k', key, 'list'])).stdout).toContain(`${id}  DAMAGED OR FORGED`);
    await expect(script(folder, ['-k', key, 'restore', id, 'all', join(folder, 'target')])).rejects.toMatchObject({
      stderr: expect.stringContaining('does not authenticate') as string,
    });
  });

  test('an older script in a repository is replaced when a point is sealed, a newer one stays', async ({
    storage,
    repository,
  }) => {
    const own = Buffer.from(await storage.read('restore.sh'));
    const put = async (text: string): Promise<void> =>
      void (await storage.replaceIf(
        'restore.sh',
        (await storage.stat('restore.sh'))?.version ?? '',
        Buffer.from(text),
      ));
    await put('#!/bin/sh\n# lifeboat-restore 0\n');
    await backUp(repository, (writer) => writer.bytes('a', Buffer.from('a')));
    expect(Buffer.from(await storage.read('restore.sh')).equals(own)).toBe(true);
    await put('#!/bin/sh\n# lifeboat-restore 99\n');
    await backUp(repository, (writer) => writer.bytes('a', Buffer.from('a')));
    expect(Buffer.from(await storage.read('restore.sh')).toString()).toContain('lifeboat-restore 99');
  });
});

async function oddBackup(
  folder: string,
  repository: Parameters<typeof backUp>[0],
): Promise<Awaited<ReturnType<typeof backUp>> & { source: string }> {
  const source = join(folder, 'source');
  await mkdir(join(source, 'sub folder/deep'), { recursive: true, mode: 0o750 });
  await mkdir(join(source, 'empty\n'));
  await writeFile(join(source, 'first'), randomBytes(400));
  await writeFile(join(source, 'blocks'), randomBytes(200_000));
  await writeFile(join(source, 'text'), Buffer.alloc(5_000_000, 'compressible '));
  await writeFile(join(source, 'sub folder/none'), '');
  await writeFile(join(source, 'sub folder/deep/-q\'uo"te $(id) `id` * \\ \n'), 'odd', { mode: 0o400 });
  await writeFile(Buffer.concat([Buffer.from(`${source}/`), Buffer.from([0xff, 0x20, 0x80])]), 'bytes');
  await link(join(source, 'first'), join(source, 'sub folder/second name of first'));
  await symlink('../other one\n', join(source, 'sub folder/link'));
  await utimes(join(source, 'first'), 1_700_000_000, 1_700_000_000);
  const backup = await backUp(repository, async (writer) => {
    await addTree(writer, source);
    await writer.bytes('.lifeboat/facts.json', Buffer.from('{}'));
  });
  return { ...backup, source };
}

/** The script keeps whole seconds, and no times of links. */
async function contentsOf(root: string): Promise<string[]> {
  const lines = await describeTree(root);
  return lines.map((line) => {
    const [path = '', kind = '', mode = '', time = '', ...rest] = line.split(' ');
    const seconds = kind === 'file' ? time.slice(0, -6) : '';
    return [Buffer.from(path, 'base64').toString('latin1'), kind, mode, seconds, ...rest].join(' ');
  });
}

let keyFiles = 0;

async function keyFile(folder: string, text: string): Promise<string> {
  keyFiles += 1;
  const path = join(folder, `key-${keyFiles}`);
  await writeFile(path, text);
  return path;
}

async function script(folder: string, args: readonly string[]): Promise<{ stdout: string; stderr: string }> {
  return promisify(execFile)('sh', [join(folder, 'repository/restore.sh'), ...args], {
    env: { PATH: process.env['PATH'] ?? '' },
  });
}
