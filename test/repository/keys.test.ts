import { readFile, writeFile } from 'node:fs/promises';
import { describe, expect } from 'vitest';
import { initRepository } from '../../src/repository/init.ts';
import { generateKey, formatRecoveryKey, parseRecoveryKey } from '../../src/repository/recovery-key.ts';
import { tryRecoveryKit } from '../../src/repository/recovery-kit.ts';
import { createLocalStorage } from '../../src/storage/local/local-storage.ts';
import { withFaults } from '../support/faults.ts';
import { backUp, testKey } from './backup.ts';
import { repositoryTest as test } from './fixture.ts';

describe('keys', () => {
  test('a written key comes back from any spacing, upper case and look-alike letters', () => {
    const key = Buffer.from('00112233445566778899aabbccddeeff0123456789abcdef0011223344556677', 'hex');
    const text = formatRecoveryKey(key);
    expect(text.trim().split('\n')).toHaveLength(4);
    for (const written of [
      text,
      text.toUpperCase(),
      text.replaceAll('-', ' ').replaceAll('\n', '\r\n'),
      text.replaceAll('0', 'O').replaceAll('1', 'l'),
      key.toString('hex'),
    ]) {
      expect(parseRecoveryKey(written).equals(key)).toBe(true);
    }
    expect(parseRecoveryKey(generateKey())).toHaveLength(32);
  });

  test('a typing error names its line and never the key', () => {
    const lines = generateKey().trim().split('\n');
    for (let line = 0; line < 4; line += 1) {
      const typed = [...lines];
      const first = typed[line]?.[3] ?? '';
      typed[line] = typed[line]?.replace(first, first === '7' ? '8' : '7') ?? '';
      expect(() => parseRecoveryKey(typed.join('\n'))).toThrow(
        expect.objectContaining({ code: 'KeyWrong', message: `the key has a typing error in line ${line + 1}` }),
      );
    }
    expect(() => parseRecoveryKey(lines.slice(1).join('\n'))).toThrow(/has 60 digits/);
    expect(() => parseRecoveryKey('hunter2-is-my-password')).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('hunter2') as string }),
    );
  });

  test('another key is KeyWrong, none is KeyMissing, no repository is RepositoryMissing', async ({
    folder,
    storage,
    repository,
    open,
  }) => {
    expect(repository.encrypted).toBe(true);
    await expect(open(storage, { mode: 'key', key: new Uint8Array(32) })).rejects.toMatchObject({ code: 'KeyWrong' });
    await expect(open(storage, { mode: 'passphrase', passphrase: 'not made with one' })).rejects.toMatchObject({
      code: 'KeyWrong',
    });
    await expect(open(storage, { mode: 'none' })).rejects.toMatchObject({ code: 'KeyMissing' });
    await expect(open(createLocalStorage(`${folder}/nothing`))).rejects.toMatchObject({ code: 'RepositoryMissing' });
  });

  test('another repository under the path is RepositoryMismatch', async ({ storage, repository, open }) => {
    expect((await open(storage, testKey, { expectedId: repository.id })).id).toBe(repository.id);
    await expect(open(storage, testKey, { expectedId: 'f'.repeat(32) })).rejects.toMatchObject({
      code: 'RepositoryMismatch',
    });
  });

  test('a client with a key refuses an unsealed repository', async ({ storage, open }) => {
    const { repository } = await initRepository(storage, { mode: 'none' });
    await repository.close();
    await expect(open(storage)).rejects.toMatchObject({ code: 'RepositoryMismatch' });
    expect((await open(storage, { mode: 'none' })).encrypted).toBe(false);
  });

  test('a passphrase opens its repository, and so does the key of its kit', async ({ storage, open }) => {
    const { repository, recoveryKit } = await initRepository(storage, {
      mode: 'passphrase',
      passphrase: 'correct horse battery',
    });
    await repository.close();
    expect((await open(storage, { mode: 'passphrase', passphrase: 'correct horse battery' })).id).toBe(repository.id);
    await expect(open(storage, { mode: 'passphrase', passphrase: 'correct horse batterz' })).rejects.toMatchObject({
      code: 'KeyWrong',
    });
    expect(await tryRecoveryKit(storage, recoveryKit)).toEqual({ repositoryId: repository.id });
    await expect(
      initRepository(createLocalStorage(`${storage.description.slice(6)}-2`), {
        mode: 'passphrase',
        passphrase: 'short',
      }),
    ).rejects.toMatchObject({ code: 'InputInvalid' });
  });

  test('the recovery kit is tried once and that is remembered; a kit of another repository is refused', async ({
    folder,
    storage,
    open,
  }) => {
    const { repository, recoveryKit } = await initRepository(storage, testKey);
    expect(await repository.recoveryKitTriedAt()).toBeUndefined();
    await repository.close();
    await expect(tryRecoveryKit(storage, recoveryKit.replace(/^(.*)-....$/m, '$1-ffff'))).rejects.toMatchObject({
      code: 'KeyWrong',
    });
    const other = await initRepository(createLocalStorage(`${folder}/other`), testKey);
    await other.repository.close();
    await expect(tryRecoveryKit(storage, other.recoveryKit)).rejects.toMatchObject({ code: 'RepositoryMismatch' });
    await tryRecoveryKit(storage, recoveryKit);
    expect(Date.parse((await (await open(storage)).recoveryKitTriedAt()) ?? '')).toBeGreaterThan(0);
  });

  test('records that nobody can try leave the others to be tried, and are named', async ({ storage, open }) => {
    const passphrase = 'correct horse battery';
    const { repository } = await initRepository(storage, { mode: 'passphrase', passphrase });
    await repository.close();
    const record = {
      format: 1,
      purpose: 'primary',
      repository: repository.id,
      nonce: 'AAAAAAAAAAAAAAAA',
      wrapped: 'A',
    };
    const whole = { ...record, wrapped: Buffer.alloc(112).toString('base64') };
    const scrypt = { n: 2, r: 1, p: 1, salt: '00' };
    const planted: readonly object[] = [
      { ...whole, kind: 'passphrase', scrypt, nonce: '' },
      { ...record, kind: 'passphrase', scrypt },
      ...[
        { n: 2 ** 30, r: 8, p: 1 },
        { n: 131073, r: 8, p: 1 },
        { n: 131072, r: 8, p: 2 ** 30 },
        { n: -2, r: 8, p: 1 },
        { n: 0.5, r: 8, p: 1 },
        { n: 1, r: 0, p: 1 },
      ].map((costs) => ({ ...whole, kind: 'passphrase', scrypt: { ...scrypt, ...costs } })),
      { ...whole, kind: 'passphrase', scrypt: { ...scrypt, salt: 'zz' } },
      { ...whole, kind: 'passphrase' },
      { ...whole, kind: 'passphrase', scrypt },
    ];
    const keys = planted.map((_, number) => `keys/000000000000000${number.toString(16)}.json`);
    for (const [number, key] of keys.entries())
      await storage.putIfAbsent(key, Buffer.from(JSON.stringify(planted[number])));
    const warnings: string[] = [];
    const opened = await open(
      storage,
      { mode: 'passphrase', passphrase },
      { onWarning: (text) => void warnings.push(text) },
    );
    expect(opened.id).toBe(repository.id);
    // The last can be tried, and is simply not opened.
    expect(warnings).toEqual(
      keys.slice(0, -1).map((key) => expect.stringContaining(`${key} is no key record`) as string),
    );
    for await (const { key } of storage.list('keys/')) if (!keys.includes(key)) await storage.remove(key);
    await expect(open(storage, { mode: 'passphrase', passphrase })).rejects.toMatchObject({
      code: 'KeyWrong',
      message: expect.stringContaining(`1 tried; ${keys[0]} is no key record`) as string,
      hint: expect.stringContaining('a copy in a location has the same files below `keys/`') as string,
    });
  });

  test('a damaged repository.json is named, wherever it is damaged, and the hint says where a whole one lies', async ({
    folder,
    storage,
    open,
    repository,
  }) => {
    const path = `${folder}/repository/repository.json`;
    const text = await readFile(path, 'utf8');
    const other = repository.id.startsWith('0') ? '1' : '0';
    for (const damaged of [
      'x',
      '{}',
      text.replace('"createdAt": "2', '"createdAt": "3'),
      text.replace(repository.id, other + repository.id.slice(1)),
    ]) {
      await writeFile(path, damaged);
      await expect(open(storage)).rejects.toMatchObject({
        code: 'ObjectCorrupt',
        message: expect.stringContaining('repository.json') as string,
        hint: expect.stringMatching(/the same file lies in/) as string,
      });
    }
  });

  test('a repository whose repository.json is gone is not begun anew, and the hint says how it comes back', async ({
    folder,
    storage,
    open,
  }) => {
    const { repository } = await initRepository(storage, testKey);
    const { id } = await backUp(repository, async (writer) => writer.bytes('a', Buffer.from('x')));
    const copy = createLocalStorage(`${folder}/copy`);
    await repository.replicateTo(copy, { owner: 'test' });
    await repository.close();
    const identity = await storage.read('repository.json');
    await storage.remove('repository.json');
    const lost = {
      message: expect.stringContaining('manifests/, packs/, indexes/ of a repository') as string,
      hint: expect.stringContaining('put its repository.json back, the same file lies in') as string,
    };
    await expect(open(storage)).rejects.toMatchObject({ code: 'ObjectMissing', ...lost });
    for (const source of [testKey, { mode: 'none' }] as const)
      await expect(initRepository(storage, source, { copies: ['usb (/mnt/usb)'] })).rejects.toMatchObject({
        code: 'Precondition',
        hint: expect.stringContaining('the same file lies in usb (/mnt/usb)') as string,
      });
    // Keys alone are enough: what they open may lie elsewhere.
    for (const prefix of ['manifests/', 'packs/', 'indexes/', 'proofs/', 'intents/'])
      for await (const { key } of storage.list(prefix)) await storage.remove(key);
    await expect(initRepository(storage, testKey)).rejects.toMatchObject({ code: 'Precondition' });
    await storage.putIfAbsent('repository.json', identity);
    expect((await open(storage)).id).toBe(repository.id);
    // A copy that lost it gets it again with the next replication, and no other repository takes its place.
    await copy.remove('repository.json');
    const other = await initRepository(createLocalStorage(`${folder}/other`), testKey);
    await expect(other.repository.replicateTo(copy, { owner: 'test' })).rejects.toMatchObject({
      code: 'RepositoryMismatch',
    });
    await other.repository.close();
    await (await open(storage)).replicateTo(copy, { owner: 'test' });
    expect((await (await open(copy)).findManifest(id)).timestamp).toBe(id);
  });

  test('init that fails at any storage call leaves no repository, and the next one works', async ({ folder }) => {
    const counted = withFaults(createLocalStorage(`${folder}/count`));
    await (await initRepository(counted, testKey)).repository.close();
    const last = counted.calls.indexOf('putIfAbsent repository.json') + 1;
    expect(last).toBeGreaterThan(3);
    for (let failAt = 1; failAt <= last; failAt += 1) {
      const storage = createLocalStorage(`${folder}/${failAt}`);
      await expect(initRepository(withFaults(storage, { failAt }), testKey)).rejects.toMatchObject({
        code: 'StorageFailed',
      });
      const { repository } = await initRepository(storage, testKey);
      await repository.close();
      await expect(initRepository(storage, testKey)).rejects.toMatchObject({ code: 'Precondition' });
    }
  });

  test('a repository of a newer format is FormatTooNew', async ({ storage, repository, open }) => {
    const identity = JSON.parse(Buffer.from(await storage.read('repository.json')).toString()) as object;
    await storage.replaceIf(
      'repository.json',
      (await storage.stat('repository.json'))?.version ?? '',
      Buffer.from(JSON.stringify({ ...identity, format: 2 })),
    );
    await expect(open(storage)).rejects.toMatchObject({
      code: 'FormatTooNew',
      hint: expect.stringContaining('if none ever wrote there, repository.json was exchanged') as string,
      message: expect.stringContaining('format 2') as string,
    });
    expect(repository.id).toMatch(/^[0-9a-f]{32}$/);
  });
});
