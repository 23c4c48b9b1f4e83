import { causes } from '../../domain/causes.ts';
import { LifeboatError } from '../../domain/errors.ts';
import type { ErrorCode } from '../../domain/errors.ts';
import { refusedHint } from '../../domain/refused-access.ts';
import { errnoOf } from '../errno.ts';

const codes: Readonly<Record<string, ErrorCode>> = {
  ENOSPC: 'NoSpace',
  EDQUOT: 'NoSpace',
  EACCES: 'PermissionDenied',
  EPERM: 'PermissionDenied',
  EROFS: 'PermissionDenied',
};

/** Something lies where a file or folder of ours belongs: nothing goes on until a person moves it. */
const inTheWay: readonly string[] = ['EEXIST', 'EISDIR', 'ELOOP', 'ENOTDIR', 'ENOTEMPTY'];

/** Says what was tried on which path; the operating system's code stands in the message. */
export function diskError(error: unknown, act: string, path: string): LifeboatError {
  if (error instanceof LifeboatError) return error;
  const errno = errnoOf(error) ?? 'unknown error';
  const code = codes[errno] ?? 'StorageFailed';
  const hint = hintOf(errno, code);
  return new LifeboatError(code, `cannot ${act} ${path}: ${errno}`, {
    ...(hint === undefined ? {} : { hint }),
    cause: error,
  });
}

/**
 * Something that is no file stands under an object's own key. A person moves it: a rename takes whatever stands there at that
 * moment, and that may be what another process has just stored.
 */
export function noFileError(key: string, path: string, place: string): LifeboatError {
  return new LifeboatError('StorageFailed', `cannot create ${key} in ${place}: EEXIST`, {
    hint: `${causes.inTheWay.hint}: mv -n '${path}' '${path}.aside'`,
  });
}

function hintOf(errno: string, code: ErrorCode): string | undefined {
  if (code === 'PermissionDenied') return refusedHint(errno, process.getuid?.(), 'the owner of the folder');
  return inTheWay.includes(errno) ? causes.inTheWay.hint : undefined;
}
