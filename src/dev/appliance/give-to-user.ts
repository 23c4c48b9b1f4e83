/** Where root makes the appliance, its files belong to the user who runs it. */
import { lchown, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { findOsUser } from '../../platform/process/os-user.ts';
import type { SampleAppliance } from './description.ts';

export async function giveToUser({ user }: Pick<SampleAppliance, 'user'>, folders: readonly string[]): Promise<void> {
  if (user === undefined || process.getuid?.() !== 0) return;
  const { uid, gid } = await findOsUser(user);
  for (const folder of folders) {
    await lchown(folder, uid, gid);
    for (const entry of await readdir(folder, { recursive: true })) await lchown(join(folder, entry), uid, gid);
  }
}
