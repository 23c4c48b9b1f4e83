/** Refuses a file that this process may not read before an engine opens it: the engine would call it damaged. */
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { LifeboatError } from '../../domain/errors.ts';
import { refusedHint } from '../../domain/refused-access.ts';

/** PermissionDenied, naming the file. Any other fault, as an absent file, is told by whoever reads it. */
export async function refuseUnreadable(path: string, component: string): Promise<void> {
  const code = await access(path, constants.R_OK).then(
    () => undefined,
    (error: NodeJS.ErrnoException) => error.code,
  );
  if (code !== 'EACCES' && code !== 'EPERM') return;
  throw new LifeboatError('PermissionDenied', `\`${path}\` cannot be read (${code})`, {
    component,
    hint: refusedHint(code, process.getuid?.()),
  });
}
