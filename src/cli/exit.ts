/** Exit codes of the command line (docs/errors.md). */
import { errorCatalogue, isLifeboatError } from '../domain/errors.ts';
import { PartialBackup } from '../client/runs.ts';

export const exit = {
  ok: 0,
  failed: 1,
  usage: 2,
  degraded: 3,
  notFound: 4,
  precondition: 5,
  waiting: 6,
  aborted: 7,
  deadline: 8,
  unreachable: 9,
  interrupted: 130,
} as const;

export function exitCodeOf(error: unknown): number {
  if (isLifeboatError(error)) return errorCatalogue[error.code].exit;
  return error instanceof PartialBackup ? exit.degraded : exit.failed;
}

/** Three lines at most: what failed, why if known, what to do. Never a stack trace, unless LIFEBOAT_DEBUG asks for it. */
export function describeError(error: unknown): string {
  if (isLifeboatError(error)) {
    const text = `error: ${error.message}\n  hint: ${error.hint}`;
    return process.env.LIFEBOAT_DEBUG === undefined ? text : `${text}\n${error.stack ?? ''}`;
  }
  const text = `error: ${error instanceof Error ? error.message : String(error)}`;
  if (error instanceof PartialBackup)
    return `${text}\n  hint: see \`lifeboat backups list\`; mend the named component and run \`lifeboat backups run\``;
  return process.env.LIFEBOAT_DEBUG === undefined
    ? `${text}\n  hint: set LIFEBOAT_DEBUG=1 to see where`
    : `${text}\n${(error as Error).stack ?? ''}`;
}
