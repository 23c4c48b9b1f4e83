import { createHash } from 'node:crypto';
import { LifeboatError } from '../domain/errors.ts';
import type { Storage } from '../storage/storage.ts';

const stepBytes = 4 * 1024 * 1024;

/** Size and SHA-256 (hexadecimal) of a stored object of any size, a piece of it in memory at a time. ObjectMissing. */
export async function digestOfObject(storage: Storage, key: string): Promise<{ size: number; checksum: string }> {
  const info = await storage.stat(key);
  if (info === undefined) throw new LifeboatError('ObjectMissing', `object ${key} is gone`);
  const { size } = info;
  const hash = createHash('sha256');
  for (let offset = 0; offset < size; offset += stepBytes)
    hash.update(await storage.read(key, { offset, length: Math.min(stepBytes, size - offset) }));
  return { size, checksum: hash.digest('hex') };
}
