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

/** Says what was tried on which path; the operating system's code stands in the message. */
export function diskError(error: unknown, act: string, path: string): LifeboatError {
  if (error instanceof LifeboatError) return error;
  const errno = errnoOf(error) ?? 'unknown error';
  const code = codes[errno] ?? 'StorageFailed';
  const hint = refusedHint(errno, process.getuid?.(), 'the owner of the folder');
  return new LifeboatError(code, `cannot ${act} ${path}: ${errno}`, {
    ...(code === 'PermissionDenied' ? { hint } : {}),
    cause: error,
  });
}
