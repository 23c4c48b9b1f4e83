/** Exit codes of the command line (docs/errors.md), and errors as people read them. */
import { PartialBackup } from '../client/partial-backup.ts';
import { errorCatalogue, isLifeboatError } from '../domain/errors.ts';
import { meaningOf } from '../domain/system-error.ts';
import { withConfig, type GlobalOptions } from './globals.ts';
import { columnsOf } from './output/redraw.ts';
import { wrap } from './output/wrap.ts';

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
  terminated: 143,
} as const;

export function exitCodeOf(error: unknown): number {
  if (isLifeboatError(error)) return errorCatalogue[error.code].exit;
  if (error instanceof PartialBackup) return exit.degraded;
  const meaning = meaningOf(error as NodeJS.ErrnoException, process.getuid?.());
  return meaning === undefined ? exit.failed : errorCatalogue[meaning.code].exit;
}

/** What failed and what to do. Never a stack trace, unless LIFEBOAT_DEBUG asks for it. */
export function describeError(error: unknown, globals?: GlobalOptions): string {
  const columns = columnsOf(process.stderr);
  const message = error instanceof Error ? error.message : String(error);
  const hint = globals === undefined ? hintOf(error) : withConfig(globals, hintOf(error));
  const text = `${wrap(`error: ${message}`, columns, '  ')}\n${wrap(`  hint: ${hint}`, columns, '        ')}`;
  return process.env.LIFEBOAT_DEBUG === undefined
    ? text
    : `${text}\n${error instanceof Error ? (error.stack ?? '') : ''}`;
}

function hintOf(error: unknown): string {
  if (isLifeboatError(error)) return error.hint;
  if (error instanceof PartialBackup)
    return 'correct the named component, then `lifeboat backups run`; what was captured can be restored';
  const meaning = meaningOf(error as NodeJS.ErrnoException, process.getuid?.());
  if (meaning !== undefined) return meaning.hint;
  return 'set LIFEBOAT_DEBUG=1 to see where';
}
