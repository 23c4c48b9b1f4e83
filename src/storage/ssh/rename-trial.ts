/** Tries what everything here relies on: a server that puts a standing file away on RENAME would let two writers both win. */
import { randomBytes } from 'node:crypto';
import { LifeboatError } from '../../domain/errors.ts';
import type { RemoteFolders } from './remote-folders.ts';
import type { Sftp } from './sftp.ts';

/** Precondition where it does. `folder` is there and may be written. */
export async function tryRename(sftp: Sftp, folders: RemoteFolders, folder: string, server: string): Promise<void> {
  const names = [1, 2, 3].map(() => `${folder}/${randomBytes(12).toString('hex')}`);
  const [first = '', second = '', target = ''] = names;
  for (const path of [first, second]) await sftp.close(await sftp.open(path, 'wx'));
  await sftp.rename(first, target);
  const overwrote = await sftp.rename(second, target).then(
    () => true,
    () => false,
  );
  for (const path of names) await folders.unlink(path);
  if (overwrote)
    throw new LifeboatError('Precondition', `${server} replaces files on RENAME: it cannot exclude two writers`, {
      hint: "use OpenSSH's own sftp-server",
    });
}
