/** What an error of the operating system, or of Node's own, means in words of the catalogue. Pure. */
import type { ErrorCode } from './errors.ts';
import { refusedHint } from './refused-access.ts';

export interface SystemError {
  /** The system's word, as `ENOSPC`. */
  readonly code?: string | undefined;
  readonly syscall?: string | undefined;
  readonly path?: string | undefined;
  readonly message: string;
}

export interface Meaning {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string;
}

interface Kind {
  readonly code: ErrorCode;
  readonly what: string;
  readonly hint: string;
}

const full: Kind = { code: 'NoSpace', what: 'no space left', hint: 'free bytes on its disk, or raise the quota' };
const connection: Kind = {
  code: 'EngineUnavailable',
  what: 'connection failed',
  hint: 'check that the server runs and the way to it; `lifeboat doctor` names what is missing',
};
const path = (what: string, hint: string): Kind => ({ code: 'Precondition', what, hint });
const passing = (what: string, hint: string): Kind => ({ code: 'StorageFailed', what, hint });

/** Refused access has hints of its own. */
export const systemKinds: Readonly<Record<string, Kind>> = {
  ENOSPC: full,
  EDQUOT: full,
  ECONNREFUSED: connection,
  ECONNRESET: connection,
  ETIMEDOUT: connection,
  EPIPE: connection,
  EHOSTUNREACH: connection,
  ENETUNREACH: connection,
  ENOTFOUND: { ...connection, what: 'no such host', hint: 'check the host name, and the name service of this host' },
  EAI_AGAIN: { ...connection, what: 'no answer of the name service', hint: 'check the name service of this host' },
  ENOENT: path('no such file or folder', 'something took it away, or a path in lifeboat.yaml is wrong'),
  ENOTDIR: path('not a folder', 'a file stands where a folder must be: correct the path, or move the file away'),
  EISDIR: path('a folder', 'a folder stands where a file must be: correct the path, or move the folder away'),
  ELOOP: path('a symbolic link, or a chain of them without end', 'name what the link leads to'),
  ENAMETOOLONG: path('a path that is too long', 'the system takes 4,095 bytes of a path and 255 of a name: shorten it'),
  EXDEV: path('another filesystem', 'what is renamed must stay on one filesystem: see what is mounted there'),
  ENOTEMPTY: path('not empty', 'something else writes into this folder: end it, then try again'),
  EEXIST: path('exists already', 'look at it, and move it away if it is not needed'),
  EIO: passing('input/output error', 'the disk, or the way to it, failed: see `dmesg`'),
  ESTALE: passing('a stale handle of a network filesystem', 'mount it again'),
  EBUSY: passing('in use', 'something is mounted there, or holds it open'),
  ETXTBSY: passing('a program that runs', 'end the program, then try again'),
  EMFILE: passing('too many open files', 'raise the limit of this process (`LimitNOFILE` of its unit, `ulimit -n`)'),
  ENFILE: passing('too many open files on this host', 'raise `fs.file-max`'),
  EAGAIN: passing('no more processes or threads', 'raise the limit (`TasksMax` of the unit, `ulimit -u`)'),
  ENOMEM: passing('no memory', 'give the host or the unit (`MemoryMax`) more memory, or end what takes it'),
  ERR_WORKER_OUT_OF_MEMORY: passing('a thread had no memory left', 'give the process more memory'),
  ERR_WORKER_INIT_FAILED: passing('a thread could not be started', 'raise the limit (`TasksMax`, `ulimit -u`)'),
};

/** A call with wrong arguments: a fault of ours, whatever the host. */
const ours = ['EBADF', 'EFAULT'];
const other = passing(
  'the operating system refused it',
  'look at what is named, and at `errno` in the manual (section 3)',
);

/** Undefined for what is none of these: then a fault lies in Lifeboat. `uid` is this process's own user. */
export function meaningOf(error: SystemError, uid: number | undefined): Meaning | undefined {
  const errno = error.code ?? '';
  const where = [error.syscall, error.path].filter((word) => word !== undefined).join(' ');
  const said = (what: string): string => `${what} (${errno}): ${where === '' ? error.message : where}`;
  if (['EACCES', 'EPERM', 'EROFS'].includes(errno))
    return { code: 'PermissionDenied', message: said('permission denied'), hint: refusedHint(errno, uid) };
  const isSystems = error.syscall !== undefined && /^E[A-Z0-9]+$/.test(errno) && !ours.includes(errno);
  const kind = systemKinds[errno] ?? (isSystems ? other : undefined);
  return kind === undefined ? undefined : { code: kind.code, message: said(kind.what), hint: kind.hint };
}
