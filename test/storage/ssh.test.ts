import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { chmod, mkdir, readFile, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startSshd, type RunningSshd } from '../../src/dev/sshd.ts';
import { initRepository } from '../../src/repository/init.ts';
import { openRepository } from '../../src/repository/open.ts';
import { authenticatePack, copyObjects } from '../../src/repository/replicate/copy-objects.ts';
import { causes } from '../../src/domain/causes.ts';
import { createLocalStorage } from '../../src/storage/local/local-storage.ts';
import { createSshStorage } from '../../src/storage/ssh/ssh-storage.ts';
import type { FileToStore, OnStray, Storage } from '../../src/storage/storage.ts';
import { openSsh, setSshServer } from '../contracts/ssh-place.ts';
import { backUp, testKey } from '../repository/backup.ts';
import { litterFolder, storageContract } from '../contracts/storage.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

describe('sshd', () => {
  let server: RunningSshd;
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;

  beforeAll(async () => {
    folder = await temporaryFolder('ssh');
    server = await startSshd({ directory: join(folder.path, 'server') });
    setSshServer(server.settings);
  });
  afterAll(async () => {
    await server?.stop();
    await folder?.remove();
  });

  const storageAt = (name: string, changes: object = {}): Storage =>
    createSshStorage({ ...server.settings, path: join(folder.path, name), ...changes });

  storageContract('sshd', {
    open: openSsh,
    module: new URL('../contracts/ssh-place.ts', import.meta.url).href,
    factory: 'openSsh',
    coarseVersions: true,
    litter: litterFolder,
  });

  test('D2.5: what lies there is a folder as the local storage makes it, and is read by it', async () => {
    const storage = storageAt('both');
    const content = randomBytes(5 * 2 ** 20 + 7);
    const staged = await storage.stage('packs/aa/x');
    await staged.append(content.subarray(0, 100_000));
    await staged.append(content.subarray(100_000));
    await storage.commit([staged]);
    await storage.putIfAbsent('reports/r', Buffer.from('1'));
    await storage.replaceIf('reports/r', (await storage.stat('reports/r'))!.version, Buffer.from('2'));
    const local = createLocalStorage(join(folder.path, 'both'));
    expect(Buffer.from(await local.read('packs/aa/x')).equals(content)).toBe(true);
    expect(Buffer.from(await local.read('reports/r')).toString()).toBe('2');
    expect(await readFile(join(folder.path, 'both/reports/r'), 'utf8')).toBe('2');
    // Other ways to write its path lead to the same folder.
    for (const same of [`${folder.path}//both/`, `${folder.path}/./both/../both//`])
      expect(Buffer.from(await storageAt('', { path: same }).read('reports/r')).toString()).toBe('2');
    expect(Buffer.from(await storage.read('packs/aa/x')).equals(content)).toBe(true);
  });

  test('what lies in the way of an object is no object that is there: the failure says what to look for', async () => {
    const storage = storageAt('in-the-way');
    await mkdir(join(folder.path, 'in-the-way/leases/collection.json'), { recursive: true });
    await expect(storage.putIfAbsent('leases/collection.json', Buffer.from('x'))).rejects.toMatchObject({
      code: 'StorageFailed',
      hint: causes.inTheWay.hint,
    });
  });

  test('a folder that nobody may look into fails the listing only where a key can have its name', async () => {
    const storage = storageAt('closed');
    await storage.putIfAbsent('manifests/2026/m.json', Buffer.from('x'));
    const keysThere = async (onStray?: OnStray): Promise<string[]> => {
      const keys: string[] = [];
      for await (const { key } of storage.list('', onStray)) keys.push(key);
      return keys;
    };
    await mkdir(join(folder.path, 'closed/lost+found'), { mode: 0o000 });
    await symlink('manifests', join(folder.path, 'closed/manifests/link'));
    expect(await keysThere()).toEqual(['manifests/2026/m.json']);
    await mkdir(join(folder.path, 'closed/manifests/private'), { mode: 0o000 });
    await expect(keysThere()).rejects.toMatchObject({ code: 'PermissionDenied' });
    const strays: string[] = [];
    expect(
      await keysThere(({ path, problem }) => void strays.push(`${path} ${problem === '' ? '' : 'closed'}`)),
    ).toEqual(['manifests/2026/m.json']);
    expect(strays.sort()).toEqual(['lost+found/ ', 'manifests/link ', 'manifests/private/ closed']);
  });

  test('D2.5: a repository is copied there, its points can be restored from it, and a second copy brings nothing twice', async () => {
    const { repository } = await initRepository(createLocalStorage(join(folder.path, 'own')), testKey);
    const target = storageAt('copy');
    const content = randomBytes(3 * 2 ** 20);
    const { id, record } = await backUp(repository, async (writer) => {
      const file = await writer.open(
        { path: 'big', type: 'file', mode: 0o600, mtimeNs: '0', uid: 0, gid: 0 },
        content.length,
      );
      await file.write(content);
      await file.close();
    });
    expect(await repository.replicateTo(target, { owner: 'test' })).toMatchObject({ points: [id], problems: [] });
    expect(await repository.replicateTo(target, { owner: 'test' })).toMatchObject({ objects: 0, points: [] });
    const replica = await openRepository(storageAt('copy'), testKey);
    const into = join(folder.path, 'restored');
    await replica.materialize({ indexId: record.indexId, into });
    expect((await readFile(join(into, 'big'))).equals(content)).toBe(true);
    await replica.close();
    await repository.close();
  });

  test('an unknown host key, a refused login and a missing key are each named, with what to do', async () => {
    const other = 'SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA';
    await expect(storageAt('x', { hostKey: other }).now()).rejects.toMatchObject({
      code: 'AuthFailed',
      message: expect.stringMatching(/shows the host key SHA256:.*which is not `hostKey`/) as string,
    });
    await expect(storageAt('x', { user: 'nobody-of-this-name' }).now()).rejects.toMatchObject({
      code: 'AuthFailed',
      hint: expect.stringContaining('authorized_keys') as string,
    });
    await expect(storageAt('x', { keyFile: '/nowhere' }).now()).rejects.toMatchObject({ code: 'AuthFailed' });
  });

  test.each([
    [
      "echo '*** Welcome to the vault ***'; exec /usr/lib/openssh/sftp-server",
      'prints text: "*** Welcome to the vault ***"',
    ],
    ["printf 'hi'; exit 1", 'prints text: "hi"'],
    ['echo; exec /usr/lib/openssh/sftp-server', 'prints text: an empty line'],
    ['exit 3', 'starts no SFTP: Received exit code 3'],
  ])('a login shell that does not let SFTP begin is told at once, with what it says: %s', async (shell, said) => {
    const chatty = await startSshd({ directory: join(folder.path, 'chatty'), options: [`ForceCommand ${shell}`] });
    try {
      await expect(createSshStorage({ ...chatty.settings, path: folder.path }).now()).rejects.toMatchObject({
        // Nothing is tried again: it would say the same.
        code: 'Precondition',
        message: expect.stringContaining(said) as string,
        hint: expect.stringContaining('internal-sftp') as string,
      });
    } finally {
      await chatty.stop();
    }
  });

  test('the server itself reckons what it holds, and a copy need not come back; an account without a shell says nothing', async () => {
    const storage = storageAt("it's here");
    await storage.putIfAbsent('reports/r', Buffer.from('1'));
    const digest = createHash('sha256').update('1').digest('hex');
    expect(await storage.sha256?.('reports/r')).toBe(digest);
    expect(await storage.sha256?.('reports/absent')).toBeUndefined();
    const closed = await startSshd({ directory: join(folder.path, 'closed'), options: ['ForceCommand internal-sftp'] });
    try {
      const narrow = createSshStorage({ ...closed.settings, path: join(folder.path, 'narrow') });
      await narrow.putIfAbsent('reports/r', Buffer.from('1'));
      expect(await narrow.sha256?.('reports/r')).toBeUndefined();
      expect(Buffer.from(await narrow.read('reports/r')).toString()).toBe('1');
    } finally {
      await closed.stop();
    }
  });

  describe('files by rsync', () => {
    async function packsOf(name: string, count: number): Promise<FileToStore[]> {
      const own = createLocalStorage(join(folder.path, name));
      return Promise.all(
        Array.from({ length: count }, async () => {
          const bytes = randomBytes(100_000);
          const digest = createHash('sha256').update(bytes).digest('hex');
          const key = `packs/${digest.slice(0, 2)}/${digest}`;
          await own.putIfAbsent(key, bytes);
          return { key, file: own.fileOf?.(key) ?? '', sha256: digest, isWhole: async () => true };
        }),
      );
    }
    const fingerprint = (): string => {
      const [, key = ''] = server.settings.hostKey.split(' ');
      return `SHA256:${createHash('sha256').update(Buffer.from(key, 'base64')).digest('base64').replace(/=+$/, '')}`;
    };

    test('D2.5: packs arrive whole, closed to others, and a key that stands keeps its bytes', async () => {
      const packs = await packsOf("rsync's source", 3);
      const storage = storageAt("rsync's target", { hostKey: fingerprint() });
      const [standing, ...others] = packs;
      await storage.putIfAbsent(standing!.key, Buffer.from('old'));
      const { created, left } = await storage.putFiles!(packs);
      expect([...created].sort()).toEqual(others.map(({ key }) => key).sort());
      expect(left, 'to be compared').toEqual([standing!.key]);
      expect(Buffer.from(await storage.read(standing!.key)).toString()).toBe('old');
      for (const { key, file } of others) {
        const at = join(folder.path, "rsync's target", key);
        expect((await readFile(at)).equals(await readFile(file))).toBe(true);
        expect((await stat(at)).mode & 0o777).toBe(0o600);
      }
      expect(await readdir(join(folder.path, "rsync's target/.staging"))).toEqual([]);
    });

    test('what another program left half way is swept with its folder', async () => {
      const storage = storageAt('left');
      await storage.putIfAbsent('a', Buffer.from('1'));
      await mkdir(join(folder.path, 'left/.staging/half'));
      await writeFile(join(folder.path, 'left/.staging/half/.pack.x1'), 'torn');
      expect(await storage.sweepStaged(3_600_000)).toBe(0);
      await setTimeout(1100);
      expect(await storage.sweepStaged(0)).toBe(1);
      expect(await readdir(join(folder.path, 'left/.staging'))).toEqual([]);
      expect(Buffer.from(await storage.read('a')).toString()).toBe('1');
    });

    test('where the account runs nothing but SFTP, or the key has a passphrase, there is no such way', async () => {
      const packs = await packsOf('narrow source', 2);
      const closed = await startSshd({
        directory: join(folder.path, 'closed'),
        options: ['ForceCommand internal-sftp'],
      });
      try {
        const narrow = createSshStorage({ ...closed.settings, path: join(folder.path, 'narrow target') });
        expect(await narrow.putFiles!(packs)).toMatchObject({ created: [], left: packs.map(({ key }) => key) });
        const own = createLocalStorage(join(folder.path, 'narrow source'));
        expect(await copied(own, narrow)).toEqual({ damaged: [], count: 2 });
      } finally {
        await closed.stop();
      }
      const asked = storageAt('asked', { passphrase: async () => Promise.resolve('open') });
      expect((await asked.putFiles!(packs)).left).toHaveLength(2);
    });

    test('a file that vanished meanwhile holds up nothing: what arrived is kept', async () => {
      const packs = await packsOf('vanishing source', 3);
      await rm(packs[1]!.file);
      const storage = storageAt('vanishing target');
      const { created, left } = await storage.putFiles!(packs);
      expect([...created].sort()).toEqual([packs[0]!.key, packs[2]!.key].sort());
      expect(left).toEqual([packs[1]!.key]);
    });

    test('a pack that is damaged here is not named there, and told as damaged', async () => {
      const own = createLocalStorage(join(folder.path, 'damaged source'));
      const [first, second, third] = await packsOf('damaged source', 3);
      await chmod(second!.file, 0o600);
      await writeFile(second!.file, 'spoiled');
      const target = storageAt('damaged target');
      const { created, left } = await target.putFiles!([first!, second!]);
      expect(created).toEqual([first!.key]);
      expect(left).toEqual([second!.key]);
      const { damaged, count } = await copied(own, target);
      expect(damaged.map(({ message }) => message)).toEqual([expect.stringContaining(second!.key)]);
      expect(count).toBe(1);
      expect(await target.stat(second!.key)).toBeUndefined();
      expect(await target.sha256!(third!.key)).toBe(third!.sha256);
    });

    test('many digests at once are within what a server lets one connection ask', async () => {
      const packs = await packsOf('many source', 15);
      const storage = storageAt('many target');
      await storage.putFiles!(packs);
      const digests = await Promise.all(packs.map(async ({ key }) => storage.sha256!(key)));
      expect(digests).toEqual(packs.map(({ key }) => key.slice(-64)));
    });

    test('a connection that breaks in the middle loses nothing: the same packs go again', async () => {
      const own = createLocalStorage(join(folder.path, 'cut source'));
      const packs = await packsOf('cut source', 12);
      const target = storageAt('cut target');
      await target.putIfAbsent('a', Buffer.from('1'));
      const copying = copied(own, target).catch((error: unknown) => error);
      for (let cut = 0; cut < 3; cut += 1) {
        await setTimeout(100);
        await server.cut();
      }
      await copying;
      const { damaged } = await copied(own, target);
      expect(damaged).toEqual([]);
      for (const { key, file } of packs)
        expect(Buffer.from(await target.read(key)).equals(await readFile(file)), key).toBe(true);
    });

    test('a pack that arrives with other bytes is not named, and goes again by its bytes', async () => {
      const own = createLocalStorage(join(folder.path, 'changed source'));
      const [, second] = await packsOf('changed source', 2);
      const changed = join(folder.path, second!.key.slice(-64));
      await writeFile(changed, 'not the pack');
      const source: Storage = Object.create(own, {
        fileOf: { value: (key: string) => (key === second!.key ? changed : own.fileOf?.(key)) },
      }) as Storage;
      for (const name of ['list', 'read', 'stat'] as const) source[name] = own[name].bind(own) as never;
      const target = storageAt('changed target');
      const { left } = await target.putFiles!([{ ...second!, file: changed }]);
      expect(left).toEqual([second!.key]);
      expect(await target.stat(second!.key)).toBeUndefined();
      expect(await copied(source, target)).toEqual({ damaged: [], count: 2 });
      expect(await target.sha256?.(second!.key)).toBe(second!.key.slice(-64));
    });

    async function copied(source: Storage, target: Storage): Promise<{ damaged: readonly Error[]; count: number }> {
      const keys: string[] = [];
      for await (const { key } of source.list('packs/')) keys.push(key);
      let count = 0;
      const damaged = await copyObjects({
        source,
        target,
        keys,
        authenticate: authenticatePack,
        onCopied: () => (count += 1),
        signal: undefined,
      });
      return { damaged: damaged.map(({ error }) => error), count };
    }
  });

  test('an idle connection keeps no process alive: a command that has read its list ends', async () => {
    const script = fileURLToPath(new URL('ssh-once.ts', import.meta.url));
    const settings = JSON.stringify({ ...server.settings, path: join(folder.path, 'once') });
    const { stdout } = await promisify(execFile)(process.execPath, [script, settings]);
    expect(stdout).toBe('x\n');
  });

  test('a connection whose server fell silent is given up by who waits, and the next call makes a new one', async () => {
    const storage = storageAt('silent');
    await storage.putIfAbsent('reports/r', Buffer.from('1'));
    const thaw = await server.freeze();
    try {
      const began = performance.now();
      await expect(storage.read('reports/r')).rejects.toMatchObject({ code: 'StorageFailed' });
      expect(performance.now() - began, 'a slow one is not given up').toBeGreaterThan(10_000);
      expect(Buffer.from(await storage.read('reports/r')).toString()).toBe('1');
    } finally {
      thaw();
    }
  });

  test('where only the SFTP part of a connection ends, calls fail and the next ones connect again', async () => {
    const storage = storageAt('half');
    for (let round = 0; round < 5; round += 1) {
      const key = `reports/${round}`;
      const staged = await storage.stage(key);
      await staged.append(Buffer.from('begun'));
      await server.endSftp();
      // At any moment around its end: what is asked of it later is never answered.
      await setTimeout(round * 5);
      await expect(staged.append(randomBytes(2 ** 20))).rejects.toMatchObject({ code: 'StorageFailed' });
      expect(await storage.putIfAbsent(key, Buffer.from('again'))).toBe('created');
    }
  });

  test('a file that was open on a connection that ended is no other one on the next', async () => {
    const storage = storageAt('stale');
    const before = await storage.stage('packs/aa/before');
    await before.append(Buffer.from('before'));
    await server.cut();
    await expect(storage.stat('x')).rejects.toMatchObject({ code: 'StorageFailed' });
    // The server numbers what is open on each connection from 0.
    const after = await storage.stage('packs/aa/after');
    await after.append(Buffer.from('after'));
    await expect(before.append(Buffer.from('!!!!!!'))).rejects.toMatchObject({ code: 'StorageFailed' });
    await storage.commit([after]);
    expect(Buffer.from(await storage.read('packs/aa/after')).toString()).toBe('after');
  });

  test('a server that goes away mid-file fails the call; after it is back everything goes on', async () => {
    const storage = storageAt('cut');
    await storage.putIfAbsent('a', Buffer.from('1'));
    const staged = await storage.stage('packs/aa/x');
    await staged.append(randomBytes(2 ** 20));
    await server.cut();
    await server.kill();
    await expect(staged.append(randomBytes(2 ** 20))).rejects.toMatchObject({ code: 'StorageFailed' });
    await expect(storage.stat('a')).rejects.toMatchObject({ code: 'StorageFailed' });
    const { port } = server.settings;
    server = await startSshd({ directory: join(folder.path, 'server'), port });
    expect(await storage.stat('packs/aa/x')).toBeUndefined();
    expect(Buffer.from(await storage.read('a')).toString()).toBe('1');
    expect(await storage.putIfAbsent('packs/aa/x', Buffer.from('again'))).toBe('created');
  });
});
