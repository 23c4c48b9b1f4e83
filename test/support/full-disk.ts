/** A disk that has no room for a second copy, without filling it for others. */
import { execFile } from 'node:child_process';
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';

/**
 * Really takes a gibibyte for the file, so that others who write to this disk do not matter. Bytes that fit on the disk
 * only once the file is gone.
 */
export async function takeGibibyte(path: string): Promise<number> {
  await promisify(execFile)('fallocate', ['-l', '1G', path]);
  const { bavail, bsize } = await statfs(dirname(path));
  return bavail * bsize + 2 ** 29;
}
