import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { s3Makers, startS3, type RunningS3, type S3Maker } from '../../src/dev/s3.ts';
import { createS3Storage } from '../../src/storage/s3/s3-storage.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { openS3, setServer } from '../contracts/s3-place.ts';
import { storageContract } from '../contracts/storage.ts';
import { startFaultyProxy } from '../support/faulty-proxy.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** What each server must do beyond the contract; what it does not, a location on it has to say. */
interface Abilities {
  readonly encrypts: boolean;
  readonly keepsClass: boolean;
  /** MinIO lists the uploads of one exact key only, and gives up unfinished ones after a day. */
  readonly sweepsItself: boolean;
}
const abilities: Readonly<Record<S3Maker, Abilities>> = {
  versitygw: { encrypts: false, keepsClass: false, sweepsItself: false },
  minio: { encrypts: true, keepsClass: true, sweepsItself: true },
};

describe.each(s3Makers)('%s', (maker) => {
  let server: RunningS3;
  let client: S3Client;
  let stop: () => Promise<void>;

  beforeAll(async () => {
    const folder = await temporaryFolder('s3');
    server = await startS3({ directory: folder.path, maker });
    setServer(server.settings);
    const { region, endpoint = '', credentials } = server.settings;
    client = new S3Client({ region, endpoint, forcePathStyle: true, credentials });
    stop = async () => {
      await server.stop();
      await folder.remove();
    };
  });
  afterAll(() => stop());

  const storageAt = (prefix: string, changes: object = {}): Storage =>
    createS3Storage({ ...server.settings, prefix, ...changes });

  storageContract(maker, {
    open: openS3,
    module: new URL('../contracts/s3-place.ts', import.meta.url).href,
    factory: 'openS3',
    sweepsItself: abilities[maker].sweepsItself,
    litter: async (place, names) => {
      for (const name of names) await put(`${place.slice(1)}/${name}`, 'x');
    },
  });

  const put = async (Key: string, Body: string): Promise<unknown> =>
    client.send(new PutObjectCommand({ Bucket: server.settings.bucket, Key, Body: Buffer.from(Body) }));

  test('the empty objects by which consoles show folders are nothing, not even strange', async () => {
    const storage = storageAt('marks');
    await storage.putIfAbsent('manifests/2026/m.json', Buffer.from('x'));
    for (const key of ['marks/', 'marks/manifests/', 'marks/manifests/2026/']) await put(key, '');
    const seen: string[] = [];
    for await (const { key } of storage.list('', ({ path }) => void seen.push(path))) seen.push(key);
    expect(seen).toEqual(['manifests/2026/m.json']);
  });

  test('a server that takes no notice of conditions is refused before anything is written', async () => {
    const proxy = await startFaultyProxy(server.settings.endpoint ?? '');
    // As if it did not know the header: what stands is gone when the condition is looked at.
    proxy.before = async ({ method, headers, url = '' }) => {
      if (method !== 'PUT' || headers['if-none-match'] === undefined) return;
      const [Bucket = '', ...key] = decodeURIComponent(new URL(url, proxy.endpoint).pathname).slice(1).split('/');
      await client.send(new DeleteObjectCommand({ Bucket, Key: key.join('/') }));
    };
    try {
      const storage = storageAt('dishonest', { endpoint: proxy.endpoint });
      await expect(storage.putIfAbsent('reports/r', Buffer.from('1'))).rejects.toMatchObject({
        code: 'Precondition',
        message: expect.stringContaining('takes no notice of If-None-Match') as string,
      });
      expect(await storage.stat('reports/r')).toBeUndefined();
    } finally {
      await proxy.stop();
    }
  });

  test('D2.6: an object in parts is whole, and its condition holds as well', async () => {
    const storage = storageAt('parts');
    const content = Buffer.alloc(50 * 2 ** 20 + 7, 'lifeboat');
    const [first, second] = await Promise.all([storage.stage('packs/aa/x'), storage.stage('packs/aa/x')]);
    await first.append(content.subarray(0, 21 * 2 ** 20));
    await second.append(Buffer.alloc(21 * 2 ** 20));
    await first.append(content.subarray(21 * 2 ** 20));
    expect(await storage.stat('packs/aa/x')).toBeUndefined();
    await storage.commit([first]);
    await storage.commit([second]);
    expect(Buffer.from(await storage.read('packs/aa/x')).equals(content)).toBe(true);
    expect(await storage.sweepStaged(-1000)).toBe(0);
  });

  test('O7: server-side encryption is asked for on every write and its absence is told', async () => {
    const storage = storageAt('sse', { sse: 'AES256' });
    const writing = storage.putIfAbsent('manifests/m', Buffer.from('x'));
    if (abilities[maker].encrypts) {
      await writing;
      const large = await storage.stage('packs/aa/y');
      await large.append(Buffer.alloc(21 * 2 ** 20));
      await storage.commit([large]);
      for (const Key of ['sse/manifests/m', 'sse/packs/aa/y'])
        expect(await client.send(new HeadObjectCommand({ Bucket: 'lifeboat', Key }))).toMatchObject({
          ServerSideEncryption: 'AES256',
        });
    } else {
      await expect(writing).rejects.toMatchObject({
        code: 'Precondition',
        message: expect.stringContaining('AES256') as string,
        hint: expect.stringContaining('sse: none') as string,
      });
      // Nothing stays that the next try would take for stored, nor is one that stands believed.
      const plain = storageAt('sse');
      expect(await plain.stat('manifests/m')).toBeUndefined();
      await plain.putIfAbsent('manifests/m', Buffer.from('x'));
      await expect(storage.putIfAbsent('manifests/m', Buffer.from('x'))).rejects.toMatchObject({
        code: 'Precondition',
      });
      expect(await plain.stat('manifests/m')).toBeDefined();
    }
  });

  test('D2.6: packs lie in the configured storage class, everything else in STANDARD', async () => {
    // The class that every maker has for data that is read seldom; MinIO knows no other one.
    const storage = storageAt('class', { storageClass: 'REDUCED_REDUNDANCY' });
    for (const key of ['packs/aa/z', 'manifests/m', 'wal/pg/1/1/s']) await storage.putIfAbsent(key, Buffer.from('x'));
    const classOf = async (key: string) =>
      (await client.send(new HeadObjectCommand({ Bucket: 'lifeboat', Key: `class/${key}` }))).StorageClass ??
      'STANDARD';
    if (abilities[maker].keepsClass) expect(await classOf('packs/aa/z')).toBe('REDUCED_REDUNDANCY');
    expect(await classOf('manifests/m')).toBe('STANDARD');
    expect(await classOf('wal/pg/1/1/s')).toBe('STANDARD');
  });

  test('credentials that are revoked, a bucket that is not there and a server that is gone are told apart', async () => {
    const wrong = { accessKeyId: server.settings.credentials.accessKeyId, secretAccessKey: 'wrong' };
    await expect(storageAt('x', { credentials: wrong }).stat('a')).rejects.toMatchObject({
      code: expect.stringMatching(/AuthFailed|PermissionDenied/) as string,
    });
    await expect(storageAt('x', { bucket: 'nowhere' }).putIfAbsent('a', Buffer.from('x'))).rejects.toMatchObject({
      code: 'Precondition',
      hint: expect.stringContaining('bucket') as string,
    });
    await expect(storageAt('x', { endpoint: 'http://127.0.0.1:1' }).stat('a')).rejects.toMatchObject({
      code: 'StorageFailed',
      message: expect.stringMatching(/ECONNREFUSED/) as string,
    });
  });

  test('no error names the secret', async () => {
    const { secretAccessKey } = server.settings.credentials;
    const error: unknown = await storageAt('x', { bucket: 'nowhere' })
      .putIfAbsent('a', Buffer.from('x'))
      .catch((thrown: unknown) => thrown);
    expect(JSON.stringify(error) + String(error)).not.toContain(secretAccessKey);
  });

  test('objects are the bytes that were given, under their own names', async () => {
    await storageAt('plain').putIfAbsent('manifests/m', Buffer.from('sealed'));
    const { Body } = await client.send(new GetObjectCommand({ Bucket: 'lifeboat', Key: 'plain/manifests/m' }));
    expect(await Body?.transformToString()).toBe('sealed');
    await client.send(new PutObjectCommand({ Bucket: 'lifeboat', Key: 'plainer', Body: 'stranger' }));
    const keys: string[] = [];
    for await (const { key } of storageAt('plain').list('')) keys.push(key);
    expect(keys).toEqual(['manifests/m']);
  });
});
