/** Filesystems mounted inside a configured path: a swap would move them away together with the old data. */
import { realpath } from 'node:fs/promises';
import { mountPoints } from '../swap/mounts.ts';
import { isInside } from './paths.ts';

export async function nestedMounts(root: string): Promise<string[]> {
  const real = await realpath(root).catch(() => root);
  return (await mountPoints()).filter((mount) => mount !== real && isInside(mount, real));
}
