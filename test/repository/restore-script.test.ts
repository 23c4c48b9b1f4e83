import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, link, lutimes, mkdir, readFile, readdir, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import { describe, expect } from 'vitest';
import type { BlockRef } from '../../src/domain/entry.ts';
import type { ComponentRecord, Manifest } from '../../src/domain/recovery-point.ts';
import { attributeKey, readAttributes } from '../../src/attributes/read.ts';
import { encodeDocument } from '../../src/repository/document.ts';
import { initRepository } from '../../src/repository/init.ts';
import { openSecrets } from '../../src/repository/keys.ts';
import { layout, repositoryFormat } from '../../src/repository/layout.ts';
import { formatRecoveryKey } from '../../src/repository/recovery-key.ts';
import type { ComponentWriter, Repository } from '../../src/repository/repository.ts';
import { stretchPassphrase, wrapSecrets } from '../../src/repository/secrets.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { withoutPrograms } from '../attributes/without-programs.ts';
import { addTree, backUp, describeTree, reserve, sealRecords, testKey, type Backup } from './backup.ts';
import { repositoryTest as test } from './fixture.ts';
import { contentsOf, runScript, secretFile, shells, tryScript, type ScriptOptions } from './restore-script.ts';

const keyText = formatRecoveryKey(testKey.key);
/** What the script needs, but `setfattr`. */
const programs = (
  'sh jq zstd openssl od dd sed awk tr cut head tail wc cat cp mkdir mktemp rm mv ls ln touch chmod chown ' +
  'id find sort grep dirname'
).split(' ');

describe('restore.sh', () => {
  for (const shell of shells) {
    test(`X6, X18: it restores every kind of entry of every component, verified, with the current writer (${shell[0]})`, async ({
      folder,
      repository,
    }) => {
      const { id, source } = await oddBackup(folder, repository);
      const key = await keyFile(folder, keyText);
      const { stderr } = await script(folder, ['-k', key, 'restore', id, 'all', join(folder, 'target')], { shell });
      expect(stderr).toContain('everything was restored and verified');
      const isExact = !stderr.includes('times have whole seconds');
      // Some builds of BusyBox take their own touch.
      expect(isExact || shell[0] === 'busybox').toBe(true);
      const inSeconds = (lines: readonly string[]): string[] =>
        isExact ? [...lines] : lines.map((line) => line.replace(/ (\d+)\d{6} /, ' $1 '));
      expect(inSeconds(await describeTree(join(folder, 'target/files')))).toEqual(
        inSeconds(await describeTree(source)),
      );
      expect(await readdir(join(folder, 'target'))).toEqual(['files']);
      expect((await script(folder, ['-k', key, 'list'], { shell })).stdout).toMatch(
        /^\d{8}_\d{6} {2}complete .* files\n$/,
      );
    });
  }

  test('times come back to the nanosecond, also before 1970, of files, folders and links, and those that do not are told', async ({
    folder,
    repository,
  }) => {
    const times = ['-1', '-1500000000', '-86400000000001', '0', '999999999', '1700000000123456789'];
    // The years 1 and 99: many file systems hold something else for them.
    const ancient = ['-62135596800000000000', '-59042995200000000000'];
    const meta = { mode: 0o755, uid: 0, gid: 0 } as const;
    const { id } = await backUp(repository, async (writer) => {
      for (const [at, mtimeNs] of [...times, ...ancient].entries()) {
        await writer.add({ ...meta, path: `d${at}`, type: 'directory', mtimeNs });
        await writer.add({ ...meta, path: `l${at}`, type: 'symlink', target: 'x', mtimeNs });
        const file = await writer.open({ ...meta, path: `d${at}/f`, type: 'file', mtimeNs }, 1);
        await file.write(Buffer.from('x'));
        await file.close();
      }
      const never = { ...meta, mtimeNs: '-62135596800000000001' };
      await writer.add({ ...never, path: 'never', type: 'directory' });
      await writer.add({ ...never, path: 'never/link', type: 'symlink', target: 'x' });
      const file = await writer.open({ ...never, path: 'never/file', type: 'file' }, 0);
      await file.close();
    });
    const args = ['-k', await keyFile(folder, keyText), 'restore', id, 'files'];
    const target = join(folder, 'target');
    const { stderr } = await script(folder, [...args, target]);
    expect(stderr).toContain('files: 3 times were not restored');
    expect(stderr).toContain('all contents were restored and verified; times were not, or not all');
    expect(stderr).not.toContain('everything was restored');
    await mkdir(join(folder, 'held'));
    for (const [at, time] of ancient.entries())
      await promisify(execFile)('touch', ['-d', `@${time.slice(0, -9)}`, join(folder, `held/f${at}`)]);
    const held = await timesBelow(join(folder, 'held'));
    const wanted = [...times, ...ancient.map((_, at) => held.get(`f${at}`) ?? '')];
    const expectTimes = async (root: string, each: readonly (string | undefined)[]): Promise<void> => {
      const found = await timesBelow(root);
      for (const [at, time] of each.entries())
        for (const path of [`d${at}`, `l${at}`, `d${at}/f`])
          if (time !== undefined) expect([path, found.get(path)]).toEqual([path, time]);
    };
    await expectTimes(target, wanted);

    if (!isThere('busybox')) return;
    // It takes no fractions, and not the second before 1970.
    await mkdir(join(folder, 'bin'));
    await writeFile(join(folder, 'bin/touch'), '#!/bin/sh\nexec busybox touch "$@"\n', { mode: 0o755 });
    const whole = join(folder, 'whole');
    const env = { PATH: [join(folder, 'bin'), process.env['PATH']].join(delimiter) };
    const { stderr: told } = await script(folder, [...args, whole], { env });
    expect(told).toContain('times have whole seconds');
    expect(told).toContain('files: 6 times were not restored');
    expect(told).toContain('all contents were restored and verified; times were not, or not all');
    const wholeSeconds = (time: string): string => String(BigInt(Math.floor(Number(time) / 1e9)) * 1_000_000_000n);
    const [, ...others] = wanted;
    await expectTimes(whole, [undefined, ...others.map(wholeSeconds)]);
  });

  test('it reads blocks without a dd that counts bytes', async ({ folder, repository }) => {
    const content = randomBytes(100_000);
    const { id } = await backUp(repository, async (writer) => {
      await writer.bytes('a', content);
      await writer.bytes('b', Buffer.alloc(1000, 'b'));
    });
    const key = await keyFile(folder, keyText);
    const target = join(folder, 'target');
    await withoutPrograms(
      folder,
      programs.filter((name) => name !== 'dd'),
      async () => void (await script(folder, ['-k', key, 'restore', id, 'files', target])),
    );
    expect((await readFile(join(target, 'a'))).equals(content)).toBe(true);
    expect((await readFile(join(target, 'b'))).equals(Buffer.alloc(1000, 'b'))).toBe(true);
  });

  test('of an open repository, without a key, come back every kind of entry, a file of several batches of blocks, blocks that many files share, and many small files', async ({
    folder,
    storage,
  }) => {
    const { repository } = await initRepository(storage, { mode: 'none' });
    const source = await oddTree(folder);
    await mkdir(join(source, 'many'));
    const shared = randomBytes(4096);
    await writeFile(
      join(source, 'large'),
      Buffer.concat([randomBytes(4096 * 130), shared, randomBytes(4096 * 20), shared]),
    );
    for (let at = 0; at < 230; at += 1)
      await writeFile(join(source, 'many', `${at}`), at % 3 === 0 ? shared : at % 3 === 1 ? '' : `file ${at % 10}`);
    const { id } = await backUp(repository, (writer) => addTree(writer, source), { blockSize: 4096 });
    await repository.close();
    const target = join(folder, 'target');
    await script(folder, ['restore', id, 'files', target]);
    expect(await describeTree(target)).toEqual(await describeTree(source));
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
    // Blocks that do not share frames.
    const { id, manifest, record } = await oddBackup(folder, repository, 131_072);
    const damaged = await damage(folder, manifest, (await refOf(repository, record, 'blocks', 1))[1] + 90);
    const run = script(folder, ['-k', await keyFile(folder, keyText), 'restore', id, 'files', join(folder, 'target')]);
    await expect(run).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/damaged: blocks: block [0-9a-f]{64} in packs\//) as string,
    });
    const all = await contentsOf(join(folder, 'source'));
    expect(await contentsOf(join(folder, 'target'))).toEqual(all.filter((line) => !line.startsWith('blocks ')));
    await damaged.repair();
    // All that shares a frame is gone with it, and nothing else.
    const sharing = new Map<number, string[]>();
    for await (const { path, ...entry } of repository.readIndex(record.indexId))
      for (const [, offset] of 'blocks' in entry ? entry.blocks : [])
        sharing.set(offset, [...(sharing.get(offset) ?? []), path]);
    const [offset = 0, gone = []] = [...sharing].find(([, paths]) => paths.length > 1) ?? [];
    expect(gone.length).toBeGreaterThan(1);
    await damage(folder, manifest, offset);
    const args = ['-k', await keyFile(folder, keyText), 'restore', id, 'files', join(folder, 'again')];
    const { code, stderr } = await tryScript(join(folder, 'repository'), args);
    const told = stderr.split('\n').filter((line) => line.startsWith('damaged: '));
    expect([code, told.length]).toEqual([1, gone.length]);
    const came = (await readdir(join(folder, 'again'), { recursive: true })).map(String);
    for (const path of gone) expect(came).not.toContain(path);
    expect(came).toEqual(expect.arrayContaining(['blocks', 'text', 'sub folder/none']));
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
    await expect(script(folder, ['-k', key, 'list'])).rejects.toMatchObject({
      code: 1,
      stdout: `${id}  DAMAGED OR FORGED\n`,
    });
    await expect(script(folder, ['-k', key, 'restore', id, 'all', join(folder, 'target')])).rejects.toMatchObject({
      stderr: expect.stringContaining('does not authenticate') as string,
    });
  });

  test('list tells of suspect points, failures that stand, wrong dates, and proofs that do not authenticate', async ({
    folder,
    repository,
  }) => {
    const key = await keyFile(folder, keyText);
    // A clock was ahead for one night.
    const night = Date.UTC(2099, 10, 22, 2) / 60_000 - timeOf(0).getTime() / 60_000;
    const ahead = [await smallBackup(repository, night), await smallBackup(repository, night + 20)].map(({ id }) => id);
    const points: Backup[] = [];
    for (let at = 0; at < 6; at += 1) points.push(await smallBackup(repository, at));
    const [whole, failed, lifted, quarantined, damaged, lost] = points.map(({ id }) => id) as Six;
    const proof = (state: string, levels: readonly string[] = ['L1', 'L3']) => ({ kind: 'verify', levels, state });
    await repository.putProof(whole, proof('verified'));
    await repository.putProof(failed, proof('failed'));
    // Looked less deep, so it lifts nothing.
    await repository.putProof(failed, proof('verified', ['L1-presence']));
    await repository.putProof(lifted, proof('failed'));
    await repository.putProof(lifted, proof('verified'));
    await repository.putProof(quarantined, proof('quarantined'));
    await repository.putProof(damaged, proof('failed'));
    await spoil(folder, `proofs/${damaged}/0001.json`);
    for (const note of ['refutations', 'reports/refuted'])
      await rm(join(folder, `repository/${note}/${damaged}.json`), { force: true });
    await writeFile(join(folder, `repository/proofs/${whole}/0009 (1).json`), 'x');
    const suspect = await reserve(repository, timeOf(7));
    await sealRecords(repository, suspect, [{ ...points[0]!.record, suspect: true }]);
    const { stdout, stderr } = await script(folder, ['-k', key, 'list']);
    const lines = stdout.trim().split('\n');
    expect(lines.map((line) => line.replace(/^(\S+) .* bytes  /, '$1 '))).toEqual([
      `${whole} files`,
      `${failed} files  [ITS VERIFICATION FAILED]`,
      `${lifted} files`,
      `${quarantined} files  [QUARANTINED: its damage was found when it was verified]`,
      `${damaged} files`,
      `${lost} files`,
      `${suspect} files  [suspect: files]`,
      ...ahead.map((id) => `${id} files  [ITS DATE IS WRONG: ${whole} was sealed after it]`),
    ]);
    expect(stderr).toBe(`warning: passed over, for it does not authenticate: proofs/${damaged}/0001.json\n`);
    const restored = await script(folder, ['-k', key, 'restore', failed, 'all', join(folder, 'target')]);
    expect(restored.stderr).toContain('warning: the verification of this point says: failed');
    const { stdout: shown } = await script(folder, ['-k', key, 'show', failed]);
    expect(JSON.parse(shown)).toMatchObject({ timestamp: failed, state: 'failed', components: [{ id: 'files' }] });
  });

  test('calls no point good whose failed proof and the note of it are gone, as long as a report or a later point tells', async ({
    folder,
    repository,
  }) => {
    const key = await keyFile(folder, keyText);
    const points: string[] = [];
    for (let at = 0; at < 3; at += 1) points.push((await smallBackup(repository, at)).id);
    const [reported, named, lifted] = points as [string, string, string];
    for (const id of points) await repository.putProof(id, { kind: 'verify', levels: ['L1'], state: 'failed' });
    const last = (await smallBackup(repository, 3)).id;
    for (const id of [reported, named])
      for (const lost of [`proofs/${id}/0001.json`, `refutations/${id}.json`])
        await rm(join(folder, 'repository', lost));
    await rm(join(folder, `repository/reports/refuted/${named}.json`));
    await repository.putProof(lifted, { kind: 'verify', levels: ['L1', 'L3'], state: 'verified' });
    const doubtful = '[A VERIFICATION OF IT FAILED, here or where this is copied from, and its proof is not here]';
    const { stdout } = await script(folder, ['-k', key, 'list']);
    expect(
      stdout
        .trim()
        .split('\n')
        .map((line) => line.replace(/^(\S+) .* bytes  /, '$1 ')),
    ).toEqual([`${reported} files  ${doubtful}`, `${named} files  ${doubtful}`, `${lifted} files`, `${last} files`]);
    const restored = await script(folder, ['-k', key, 'restore', named, 'all', join(folder, 'target')]);
    expect(restored.stderr).toContain('warning: a verification of this point failed');
    const { stdout: shown } = await script(folder, ['-k', key, 'show', named]);
    expect(JSON.parse(shown)).toMatchObject({ timestamp: named, state: 'doubtful' });
  });

  test('list names what is gone, exchanged or taken by retention, and ends with exit code 1 unless it was retention', async ({
    folder,
    repository,
  }) => {
    const key = await keyFile(folder, keyText);
    const points: string[] = [];
    for (let at = 0; at < 4; at += 1) points.push((await smallBackup(repository, at)).id);
    const [first, second, third, fourth] = points as [string, string, string, string];
    await repository.collect({ expire: [first], wal: [], holder: 'test' });
    const list = async () => tryScript(join(folder, 'repository'), ['-k', key, 'list']);
    const found = async () => {
      const { code, stdout } = await list();
      return [
        code,
        ...stdout
          .trim()
          .split('\n')
          .map((line) => line.replace(/complete .*/, 'complete')),
      ];
    };
    const taken = `${first}  taken by retention, says its tombstone`;
    const at = (id: string) => join(folder, 'repository', layout.manifest(id));
    const [whole, bytes] = [await readFile(at(second)), await readFile(at(third))];
    // Anybody can put something where a tombstone would be.
    await mkdir(dirname(join(folder, 'repository/tombstones', layout.manifest(third))), { recursive: true });
    await writeFile(join(folder, 'repository/tombstones', layout.manifest(third)), 'x');
    await rm(at(third));
    const gone = `${third}  GONE, but ${fourth} names it`;
    expect(await found()).toEqual([1, taken, `${second}  complete`, gone, `${fourth}  complete`]);
    await writeFile(at(third), Buffer.concat([bytes.subarray(0, 80), Buffer.from(' '), bytes.subarray(80)]));
    const damaged = `${third}  DAMAGED OR FORGED`;
    expect(await found()).toEqual([1, taken, `${second}  complete`, damaged, `${fourth}  complete`]);
    await writeFile(at(third), bytes);
    await rm(at(second));
    const lost = `${second}  GONE, but ${third} names it`;
    // It alone named the one before it.
    expect(await found()).toEqual([1, lost, ...[third, fourth].map((id) => `${id}  complete`)]);
    await writeFile(at(second), whole);
    // Nobody names the newest one but what was written of it.
    const newest = await readFile(at(fourth));
    await rm(at(fourth));
    await repository.putReport('fullBackup', 'fullBackup/a/b', { state: 'sealed', backup: fourth });
    await repository.putReport('fullBackup', 'fullBackup/a/c', { state: 'failed', backup: '20261130_000000' });
    await repository.putReport('fullBackup', 'fullBackup/a/d', { state: 'sealed', backup: '20261130_000001' });
    await writeFile(
      join(folder, 'repository/reports/fullBackup/planted.json'),
      '{"state":"sealed","backup":"20261130_000002"}',
    );
    const others = [taken, ...[second, third].map((id) => `${id}  complete`)];
    const reported = (id: string): string =>
      `${id}  NOT HERE, though a report says that it was sealed; in a copy it may be on its way`;
    expect(await found()).toEqual([0, ...others, reported(fourth), reported('20261130_000001')]);
    await repository.putProof(fourth, { kind: 'verify', ok: true, levels: ['L1'], state: 'verified' });
    await repository.putProof('20261130_000003', { kind: 'verify', unreadableManifest: true, ok: false });
    const proven = `${fourth}  GONE, but its proofs are here`;
    expect(await found()).toEqual([1, ...others, proven, reported('20261130_000001')]);
    await writeFile(at(fourth), newest);
    await rm(join(folder, 'repository/reports'), { recursive: true });
    await writeFile(join(folder, 'repository/manifests/2026/11/22/backup_manifest_20261122_020500 (1).json'), 'x');
    await writeFile(join(folder, 'repository/manifests/2026/11/backup_manifest_20261122_020500.json'), 'x');
    expect(await found()).toEqual([0, taken, ...[second, third, fourth].map((id) => `${id}  complete`)]);
  });

  test('a key that cannot be read is told as that, and -h shows the words', async ({ folder, repository }) => {
    await smallBackup(repository, 0);
    expect(await tryScript(join(folder, 'repository'), ['-h'])).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/^sh restore\.sh \[-k/) as string,
    });
    for (const option of ['-k', '-p'])
      expect(await tryScript(join(folder, 'repository'), [option, '/nope', 'list'])).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/\/nope cannot be read\n$/) as string,
      });
  });

  test('a failure that names a file stands sealed in the manifest, and show opens it', async ({
    folder,
    repository,
  }) => {
    const { record } = await smallBackup(repository, 0);
    const id = await reserve(repository, timeOf(1));
    const failure = { component: 'redis', code: 'SourceCorrupt', message: 'in /secret/name' };
    await sealRecords(repository, id, [record], [failure]);
    const key = await keyFile(folder, keyText);
    const { stdout } = await script(folder, ['-k', key, 'show', id]);
    expect(JSON.parse(stdout)).toMatchObject({ success: false, failures: [failure] });
    expect(await readFile(join(folder, 'repository', layout.manifest(id)), 'utf8')).not.toContain('secret');
  });

  test('hostile key records and files of others beside the good ones hinder nothing', async ({
    folder,
    repository,
  }) => {
    const { id } = await smallBackup(repository, 0);
    const keys = join(folder, 'repository/keys');
    const [name = ''] = await readdir(keys);
    const good = JSON.parse(await readFile(join(keys, name), 'utf8')) as Record<string, unknown>;
    const scrypt = { n: 2 ** 40, r: 8, p: 1, salt: '00' };
    const hostile = [
      { ...good, nonce: '' },
      { ...good, wrapped: '' },
      { ...good, wrapped: `${String(good['wrapped'])}\n$(id)` },
      { ...good, kind: 'passphrase', scrypt },
      { ...good, format: 2 },
      [],
    ];
    for (const [at, record] of hostile.entries())
      await writeFile(join(keys, `000000000000000${at}.json`), JSON.stringify(record));
    for (const stray of ['notes.txt', 'a (1).json', name.replace('.json', '.json.old')])
      await writeFile(join(keys, stray), 'x');
    const key = await keyFile(folder, keyText);
    await script(folder, ['-k', key, 'restore', id, 'all', join(folder, 'target')]);
    const wrong = await keyFile(folder, 'a passphrase');
    const run = tryScript(join(folder, 'repository'), ['-p', wrong, 'list']);
    expect(await run).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('no record of a passphrase') as string,
    });
  });

  test('what people read holds no control characters, and a name that no file system takes stops no other file', async ({
    folder,
    repository,
  }) => {
    const evil = '\u001b]0;evil\u0007\u009b2J\nbad';
    const long = `${evil}${'x'.repeat(300)}`;
    const { record } = await backUp(repository, async (writer) => {
      const meta = { mode: 0o755, uid: 0, gid: 0, mtimeNs: '0' } as const;
      await writer.add({ ...meta, path: long, type: 'directory' });
      await writer.bytes(`${long}/in`, Buffer.from('x'));
      await writer.add({ ...meta, path: `${long}-link`, type: 'symlink', target: evil });
      await writer.add({ ...meta, path: evil, type: 'directory' });
      await writer.bytes('good', Buffer.from('good'));
    });
    const told = await reserve(repository, timeOf(59));
    const facts = { leftOut: { [`socket${evil}`]: 1 } };
    const failure = { component: evil, code: evil, message: evil };
    await sealRecords(repository, told, [{ ...record, facts }], [failure]);
    const key = await keyFile(folder, keyText);
    const folderOf = join(folder, 'repository');
    for (const args of [['list'], ['show', told], ['restore', told, 'all', join(folder, 'target')]]) {
      const { stdout, stderr } = await tryScript(folderOf, ['-k', key, ...args]);
      expect([args[0], `${stdout}${stderr}`.replaceAll('\n', '')]).toEqual([
        args[0],
        expect.not.stringMatching(/\p{Cc}/u) as string,
      ]);
      if (args[0] === 'restore') expect(stderr).toMatch(/files: 3 files could not be restored/);
    }
    expect(await readFile(join(folder, 'target/files/good'), 'utf8')).toBe('good');
    expect(await readdir(join(folder, 'target/files'))).toEqual([evil, 'good']);
  });

  test('a passphrase that its normal form changes opens with any program that knows the form, and is told of where none is', async ({
    folder,
    storage,
    repository,
  }) => {
    // Roman nine, a ligature, a half, a half-width kana, a combining accent.
    const passphrase = 'Ⅸ ﬁle ½ ﾊﾟ e\u0301';
    await addCheapPassphrase(storage, repository.id, passphrase);
    const { id } = await smallBackup(repository, 0);
    const file = await secretFile(folder, `${passphrase} \t\r\n\n`);
    const listed = expect.stringContaining(`${id}  complete`) as string;
    const tools = (['python3', 'perl', 'uconv'] as const).filter((tool) => isThere(tool));
    expect(tools.length).toBeGreaterThan(0);
    for (const [at, tool] of tools.entries())
      await withoutPrograms(folder, [...programs, tool], async () => {
        expect([tool, await script(folder, ['-p', file, 'list'])]).toMatchObject([tool, { stdout: listed }]);
        if (at > 0) return;
        const env = { LIFEBOAT_PASSPHRASE: passphrase };
        expect(await script(folder, ['list'], { env })).toMatchObject({ stdout: listed });
      });
    await withoutPrograms(folder, programs, async () => {
      const { code, stderr } = await tryScript(join(folder, 'repository'), ['-p', file, 'list']);
      expect([code, stderr]).toEqual([1, expect.stringContaining('install python3, perl or uconv') as string]);
    });
  });

  test('a passphrase beyond ASCII that is in normal form needs no other program, and the costs of scrypt are those of its record', async ({
    folder,
    storage,
  }) => {
    const passphrase = 'Größe der Füße';
    const { repository } = await initRepository(storage, { mode: 'passphrase', passphrase });
    const { id } = await smallBackup(repository, 0);
    await repository.close();
    const file = await secretFile(folder, passphrase);
    await withoutPrograms(folder, programs, async () => {
      expect((await script(folder, ['-p', file, 'list'])).stdout).toContain(id);
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

type Six = [string, string, string, string, string, string];

/** In nanoseconds, by path. Node reads times before 1970 wrongly; `find` prints seconds and nanoseconds apart. */
async function timesBelow(folder: string): Promise<Map<string, string>> {
  const { stdout } = await promisify(execFile)('find', [folder, '-name', '[dlf]*', '-printf', '%P %T@\\n']);
  return new Map(
    stdout.split('\n').map((line) => {
      const [path = '', seconds = '0', rest = '0'] = line.split(/[ .]/);
      return [path, String(BigInt(seconds) * 1_000_000_000n + BigInt(rest.slice(0, 9)))];
    }),
  );
}

const timeOf = (minute: number): Date => new Date(Date.UTC(2026, 10, 22, 2, minute));

async function smallBackup(repository: Repository, minute: number): Promise<Backup> {
  return backUp(repository, (writer) => writer.bytes('a', Buffer.from(`${minute}`)), { time: timeOf(minute) });
}

async function refOf(
  repository: Repository,
  { indexId }: ComponentRecord,
  path: string,
  at: number,
): Promise<BlockRef> {
  for await (const entry of repository.readIndex(indexId)) {
    const ref = entry.type === 'file' && entry.path === path ? entry.blocks[at] : undefined;
    if (ref !== undefined) return ref;
  }
  throw new Error(`${path} has no block ${at}`);
}

/** Flips a bit in the only pack of the point. */
async function damage(
  folder: string,
  manifest: Manifest,
  at: number,
): Promise<{ readonly repair: () => Promise<void> }> {
  const key = manifest.backup_files.find(({ path }) => path.startsWith('packs/'))?.path ?? '';
  const path = join(folder, 'repository', key);
  const [good, bytes] = [await readFile(path), await readFile(path)];
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  await writeFile(path, bytes);
  return { repair: async () => writeFile(path, good) };
}

async function spoil(folder: string, key: string): Promise<void> {
  const path = join(folder, 'repository', key);
  const bytes = await readFile(path);
  bytes[20] = (bytes[20] ?? 0) ^ 1;
  await writeFile(path, bytes);
}

const isThere = (program: string): boolean =>
  (process.env['PATH'] ?? '').split(delimiter).some((each) => existsSync(join(each, program)));

/** A record of a key repository that a passphrase opens at next to no cost: what is tried here is the passphrase. */
async function addCheapPassphrase(storage: Storage, repository: string, passphrase: string): Promise<void> {
  const secrets = await openSecrets(storage, testKey, repository);
  const [id, salt] = ['00000000000000aa', Buffer.from('salt')];
  const costs = { n: 2, r: 1, p: 1 };
  const opening = await stretchPassphrase(passphrase, salt, costs);
  const record = {
    format: repositoryFormat,
    kind: 'passphrase',
    purpose: 'recovery',
    repository,
    scrypt: { ...costs, salt: salt.toString('hex') },
    ...wrapSecrets(secrets, opening, id),
  };
  await storage.putIfAbsent(layout.key(id), encodeDocument(layout.key(id), record, secrets));
}

async function oddTree(folder: string): Promise<string> {
  const source = join(folder, 'source');
  await mkdir(join(source, 'sub folder/deep'), { recursive: true, mode: 0o750 });
  await mkdir(join(source, 'empty\n'));
  await writeFile(join(source, 'first'), randomBytes(400));
  await writeFile(join(source, 'blocks'), randomBytes(200_000));
  await writeFile(join(source, 'text'), Buffer.alloc(500_000, 'compressible '));
  await writeFile(join(source, 'sub folder/none'), '');
  await writeFile(join(source, 'sub folder/deep/-q\'uo"te $(id) `id` * \\ \n'), 'odd', { mode: 0o400 });
  await writeFile(Buffer.concat([Buffer.from(`${source}/`), Buffer.from([0xff, 0x20, 0x80])]), 'bytes');
  await link(join(source, 'first'), join(source, 'sub folder/second name of first'));
  await symlink('../other one\n', join(source, 'sub folder/link'));
  await symlink('-a b', Buffer.concat([Buffer.from(`${source}/link `), Buffer.from([0xfe, 0x0a])]));
  // Shells use some of these bytes as marks of their own.
  const marks = Buffer.from([...Array.from({ length: 32 }, (_, at) => 0x80 + at), ...Buffer.from('*?[a]~"$\\')]);
  await writeFile(Buffer.concat([Buffer.from(`${source}/`), marks]), 'marks');
  await writeFile(join(source, 'ぁ あ ö\u0081 '), 'text');
  await utimes(join(source, 'first'), 1_700_000_000, 1_700_000_000);
  await lutimes(join(source, 'sub folder/link'), 1_600_000_000, 1_600_000_000);
  return source;
}

async function oddBackup(
  folder: string,
  repository: Repository,
  blockSize = 65_536,
): Promise<Backup & { source: string }> {
  const source = await oddTree(folder);
  const fill = async (writer: ComponentWriter): Promise<void> => {
    await addTree(writer, source);
    await writer.bytes('.lifeboat/facts.json', Buffer.from('{}'));
  };
  const backup = await backUp(repository, fill, { blockSize });
  return { ...backup, source };
}

const keyFile = async (folder: string, text: string): Promise<string> => secretFile(folder, text);

const script = async (folder: string, args: readonly string[], options?: ScriptOptions) =>
  runScript(join(folder, 'repository'), args, options);
