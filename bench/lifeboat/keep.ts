/** What keeps recovery points good: reading them again, and copies elsewhere. */
import { verifyPoint } from '../../src/operations/verify/recovery-point.ts';
import type { S3Settings } from '../../src/storage/s3/client.ts';
import { createS3Storage } from '../../src/storage/s3/s3-storage.ts';
import type { SshSettings } from '../../src/storage/ssh/session.ts';
import { createSshStorage } from '../../src/storage/ssh/ssh-storage.ts';
import type { Parts } from '../../workers/parts.ts';
import { since } from './backup.ts';

/** Every stored object of the point, read and authenticated. */
export async function verify({ repository: open }: Parts, point: string): Promise<{ readonly seconds: number }> {
  const began = performance.now();
  const { ok, problems } = await verifyPoint({
    repository: await open(),
    at: point,
    components: [],
    levels: ['L1'],
    onProgress: () => undefined,
    signal: AbortSignal.timeout(3_600_000),
    orThrow: false,
  });
  if (!ok) throw new Error(`the point is not good: ${problems.join('; ')}`);
  return { seconds: since(began) };
}

/** Where a copy is made. */
export type Place = { readonly s3: S3Settings } | { readonly ssh: SshSettings };

/** The whole repository into an empty place; what was written is read again there. */
export async function replicate({ repository: open }: Parts, place: Place): Promise<{ readonly seconds: number }> {
  const target = 's3' in place ? createS3Storage(place.s3) : createSshStorage(place.ssh);
  const began = performance.now();
  const { problems } = await (await open()).replicateTo(target, { owner: 'bench' });
  if (problems.length > 0) throw new Error(problems.join('; '));
  return { seconds: since(began) };
}
