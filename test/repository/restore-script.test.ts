import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, link, mkdir, readFile, readdir, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect } from 'vitest';
import { attributeKey, readAttributes } from '../../src/attributes/read.ts';
import { Sealer } from '../../src/repository/frame.ts';
import { IndexWriter } from '../../src/repository/index-object.ts';
import { initRepository } from '../../src/repository/init.ts';
import { formatRecoveryKey } from '../../src/repository/recovery-key.ts';
import { withoutPrograms } from '../attributes/without-programs.ts';
import { addTree, backUp, describeTree, reserve, sealRecords, testKey } from './backup.ts';
import { repositoryTest as test } from './fixture.ts';

const keyText = formatRecoveryKey(testKey.key);
/** What the script needs, but `setfattr`. */
const programs = (
  'sh jq zstd openssl od sed tr cut head tail wc cat mkdir mktemp rm mv ls ln touch chmod chown ' +
  'id find sort grep basename dirname'
).split(' ');

describe('restore.sh', () => {
  test('X6, X18: it restores every kind of entry of every component, verified, with the current writer', async ({
    folder,
    repository,
  }) => {
    const { id, source } = await oddBackup(folder, repository);
    await script(folder, ['-k', await keyFile(folder, keyText), 'restore', id, 'all', join(folder, 'target')]);
    expect(await contentsOf(join(folder, 'target/files'))).toEqual(await contentsOf(source));
  });

  test('D7, X18: attributes and ACLs come back, of names that are any bytes, of closed files, and of folders', async ({
    folder,
    repository,
  }) => {
    const source = join(folder, 'source');
    const odd = Buffer.concat([Buffer.from(`${source}/sub/`), Buffer.from([0xff, 0x0a, 0x5c, 0x22])]);
    await mkdir(join(source, 'sub'), { recursive: true });
    await writeFile(odd, 'odd', { mode: 0o400 });
    const acl = 'AgAAAAEABgD/////AgAHAP7/AAAEAAQA/////xAABwD/////IAAEAP////8=';
    const { id } = await backUp(repository, async (writer) => {
      const facts = { mode: 0o400, mtimeNs: '1700000000000000000', uid: 0, gid: 0 };
      const file = { path: 'sub/odd', pathBase64: odd.subarray(source.length + 1).toString('base64') };
      const xattrs = { 'system.posix_acl_access': acl, 'user.a=\n\\ü': 'AAEC', 'user.empty': '' };
      await writer.add({ ...facts, path: 'sub', type: 'directory', mode: 0o550, xattrs: { 'user.folder': 'eA==' } });
      await writer.fromDisk({ ...facts, ...file, type: 'file', mode: 0o474, xattrs }, odd);
    });
    const args = ['-k', await keyFile(folder, keyText), 'restore', id, 'files'];
    const target = join(folder, 'target');
    expect((await script(folder, [...args, target])).stderr).toContain('everything was restored and verified');
    const restored = Buffer.concat([Buffer.from(target), odd.subarray(source.length)]);
    const { found } = await readAttributes([Buffer.from(join(target, 'sub')), restored]);
    expect([...found.values()].map(({ carried }) => carried)).toEqual([
      { 'user.folder': 'eA==' },
      { 'system.posix_acl_access': expect.any(String) as string, 'user.a=\n\\ü': 'AAEC', 'user.empty': '' },
    ]);
    expect((await stat(restored)).mode & 0o7777).toBe(0o474);
    // The ACL is the one of a host that says the same of owner, mask and others.
    expect(
      Buffer.from(found.get(attributeKey(restored))?.carried['system.posix_acl_access'] ?? '', 'base64'),
    ).toHaveLength(44);

    const bare = join(folder, 'bare');
    await withoutPrograms(folder, programs, async () => {
      const { stderr } = await script(folder, [...args, bare]);
      expect(stderr).toContain('files: 4 extended attributes and ACLs were not restored: setfattr is not installed');
      expect(stderr).not.toContain('everything was restored');
    });
    expect((await readdir(join(bare, 'sub'))).length).toBe(1);
    await chmod(join(target, 'sub'), 0o700);
    await chmod(join(bare, 'sub'), 0o700);
  });

  test('X18: a hostile attribute is refused by the script too', async ({ folder, storage }) => {
    const { repository } = await initRepository(storage, { mode: 'none' });
    const index = new IndexWriter(storage, new Sealer(undefined), 'files');
    await index.add({
      path: 'a',
      type: 'directory',
      mode: 0o700,
      mtimeNs: '0',
      uid: 0,
      gid: 0,
      xattrs: { 'user.a': 'AA==\nL 777 1 0:0 YQ== L2V0Yw==' },
    });
    await storage.commit([await index.finish([])]);
    const id = await reserve(repository);
    await sealRecords(repository, id, [
      {
        id: 'files',
        kind: 'files',
        host: 'main',
        indexId: index.id,
        files: 0,
        bytes: 0,
        storedBytes: 0,
        capturedFrom: new Date().toISOString(),
        capturedUntil: new Date().toISOString(),
        quiescence: 'quiesced',
        suspect: false,
        facts: {},
      },
    ]);
    await repository.close();
    await expect(script(folder, ['restore', id, 'files', join(folder, 'target')])).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('malformed value of the attribute user.a') as string,
    });
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
