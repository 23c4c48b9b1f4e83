/** What may happen to a copy in S3, with a real server: nothing is lost, and the next replication heals it. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { expect } from 'vitest';
import { startS3, type RunningS3 } from '../../src/dev/s3.ts';
import { LifeboatError } from '../../src/domain/errors.ts';
import { verifyPlace } from '../../src/operations/verify/place.ts';
import type { Repository } from '../../src/repository/repository.ts';
import { createS3Storage } from '../../src/storage/s3/s3-storage.ts';
import { startFaultyProxy } from '../support/faulty-proxy.ts';
import { backUp, type Backup } from './backup.ts';
import { repositoryTest } from './fixture.ts';

const owner = { owner: 'test' };

/* oxlint-disable no-empty-pattern -- vitest reads from the pattern which fixtures a fixture needs. */
const test = repositoryTest.extend<{ server: RunningS3 }>({
  server: async ({ folder }, use) => {
    const server = await startS3({ directory: join(folder, 's3') });
    await use(server);
    await server.stop();
  },
});
/* oxlint-enable no-empty-pattern */

async function twoPoints(repository: Repository): Promise<[Backup, Backup]> {
  const first = await backUp(repository, async (writer) => writer.bytes('a', randomBytes(300_000)));
  return [first, await backUp(repository, async (writer) => writer.bytes('b', randomBytes(300_000)))];
}

function clientOf({ settings }: RunningS3): S3Client {
  const { region, endpoint = '', credentials } = settings;
  return new S3Client({ region, endpoint, forcePathStyle: true, credentials });
}

async function isWhole(replica: Repository): Promise<boolean> {
  for (const { manifest } of await replica.listManifests())
    if (manifest === undefined || !(await replica.check(manifest, {})).ok) return false;
  return true;
}

test('a bucket that somebody emptied is told as one without a repository, and filled again', async ({
  repository,
  server,
  open,
}) => {
  await twoPoints(repository);
  const target = createS3Storage({ ...server.settings, prefix: 'copy' });
  await repository.replicateTo(target, owner);
  const client = clientOf(server);
  const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: server.settings.bucket }));
  for (const { Key } of Contents) await client.send(new DeleteObjectCommand({ Bucket: server.settings.bucket, Key }));
  await expect(open(target)).rejects.toMatchObject({ code: 'RepositoryMissing' });
  expect((await repository.replicateTo(target, owner)).points).toHaveLength(2);
  expect(await isWhole(await open(target))).toBe(true);
});

test('a pack in the place of another valid one is found within a month of daily looks, and replaced', async ({
  repository,
  server,
  open,
}) => {
  const points = await twoPoints(repository);
  const target = createS3Storage({ ...server.settings, prefix: 'copy' });
  await repository.replicateTo(target, owner);
  const [one = '', other = ''] = points.map(
    ({ manifest }) => manifest.backup_files.find(({ path }) => path.startsWith('packs/'))?.path,
  );
  const client = clientOf(server);
  const { bucket: Bucket } = server.settings;
  const { Body } = await client.send(new GetObjectCommand({ Bucket, Key: `copy/${other}` }));
  await client.send(new PutObjectCommand({ Bucket, Key: `copy/${one}`, Body: await Body!.transformToByteArray() }));
  const replica = await open(target);
  const refuted: string[] = [];
  for (let day = 0; day < 30; day += 1) {
    const look = await verifyPlace({
      repository: replica,
      own: repository,
      place: 's3',
      driver: async () => {
        throw new LifeboatError('NotFound', 'not configured');
      },
      now: new Date(day * 86_400_000),
      onProgress: () => undefined,
      signal: new AbortController().signal,
    });
    refuted.push(...look.refuted);
  }
  expect(refuted).toEqual([points[0].id]);
  await repository.replicateTo(target, owner);
  expect(await isWhole(replica)).toBe(true);
});

test('credentials that were revoked are told as that, and lose nothing', async ({ repository, server, open }) => {
  const [first] = await twoPoints(repository);
  const { settings } = server;
  const { accessKeyId } = settings.credentials;
  const revoked = { accessKeyId, secretAccessKey: 'revoked' };
  const target = createS3Storage({ ...settings, prefix: 'copy', credentials: revoked });
  await expect(repository.replicateTo(target, owner)).rejects.toMatchObject({
    // An answer without a body does not say which.
    code: expect.stringMatching(/^(AuthFailed|PermissionDenied)$/) as string,
  });
  const good = createS3Storage({ ...settings, prefix: 'copy' });
  expect((await repository.replicateTo(good, owner)).points).toContain(first.id);
  expect(await isWhole(await open(good))).toBe(true);
});

for (const kind of ['slow down', 'cut request', 'cut answer'] as const)
  test(`S3 that answers badly at any request (${kind}): the copy is whole, at once or after another run`, async ({
    repository,
    server,
    open,
  }) => {
    await twoPoints(repository);
    const proxy = await startFaultyProxy(server.settings.endpoint ?? '');
    try {
      const targetAt = (prefix: string) => createS3Storage({ ...server.settings, endpoint: proxy.endpoint, prefix });
      await repository.replicateTo(targetAt('counted'), owner);
      const requests = proxy.count();
      expect(requests).toBeGreaterThan(10);
      // Each fifth, from another one each time: a run takes a second where the client waits before it asks again.
      const first = 1 + Math.floor(Math.random() * 5);
      for (let at = first; at <= requests; at += 5) {
        const from = proxy.count();
        proxy.fault = (number) => (number === from + at ? kind : undefined);
        const target = targetAt(`at-${at}`);
        await repository.replicateTo(target, owner).catch((error: unknown) => {
          expect(error).toBeInstanceOf(LifeboatError);
        });
        proxy.fault = () => undefined;
        await repository.replicateTo(target, owner);
        const replica = await open(target);
        expect(await replica.listManifests(), `a fault at request ${at}`).toHaveLength(2);
        expect(await isWhole(replica), `a fault at request ${at}`).toBe(true);
      }
    } finally {
      await proxy.stop();
    }
  });
