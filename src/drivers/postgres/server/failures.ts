/** What PostgreSQL, its client and the operating system say, in words of the catalogue. Never holds a secret. */
import { causes } from '../../../domain/causes.ts';
import { isLifeboatError, LifeboatError } from '../../../domain/errors.ts';
import type { ErrorCode } from '../../../domain/errors.ts';
import { refusedHint } from '../../../domain/refused-access.ts';
import { refusedCertificateHint } from '../../tls.ts';

interface Classified {
  readonly code: ErrorCode;
  readonly hint?: string;
}

const unreachableErrnos = ['ECONNREFUSED', 'ECONNRESET', 'ENOENT', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH'];
const unreachableNames = ['ENOTFOUND', 'EAI_AGAIN'];
/** Too many connections; the server shuts down, crashed, starts, or ended an idle session. */
const unreachableStates = ['53300', '57P01', '57P02', '57P03', '57P05'];
const unreachable = new Set([...unreachableErrnos, ...unreachableNames, ...unreachableStates]);

/**
 * Turns any error met while talking to a server into a LifeboatError of the component. `doing` completes
 * "cannot …". Errors that are LifeboatErrors already, and aborts, pass as they are.
 */
export function engineFailure(error: unknown, component: string, doing: string): Error {
  if (isLifeboatError(error)) return error;
  if (error instanceof Error && error.name === 'AbortError') return error;
  const { code, hint } = classify(error);
  const text = error instanceof Error ? messageOf(error) : String(error);
  return new LifeboatError(code, `cannot ${doing}: ${text}`, {
    component,
    ...(hint === undefined ? {} : { hint }),
    details: sqlState(error) === undefined ? {} : { sqlState: sqlState(error)! },
    cause: error,
  });
}

/** The five characters of a server's error, or the errno of a socket or file. */
export function sqlState(error: unknown): string | undefined {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}

function classify(error: unknown): Classified {
  const code = sqlState(error) ?? '';
  const certificateHint = refusedCertificateHint(error);
  if (certificateHint !== undefined) return { code: 'AuthFailed', hint: certificateHint };
  if (code === '28P01') return { code: 'AuthFailed' };
  if (code === '28000') return { code: 'AuthFailed', hint: causes.keptOutOfDatabase.hint };
  if (code === '42501') return { code: 'PermissionDenied', hint: '`lifeboat doctor` prints the GRANT that is missing' };
  if (code === 'EACCES' || code === 'EPERM')
    return { code: 'PermissionDenied', hint: refusedHint(code, process.getuid?.()) };
  if (code === '53100' || code === 'ENOSPC' || code === 'EDQUOT') return { code: 'NoSpace' };
  if (code === 'XX001' || code === 'XX002') return { code: 'SourceCorrupt' };
  if (code === '08P01') {
    return { code: 'Precondition', hint: 'connect to the server itself, not to a connection pooler' };
  }
  if (code === '55P03') {
    return {
      code: 'EngineFailed',
      hint: 'see who holds the lock: SELECT * FROM pg_prepared_xacts; SELECT * FROM pg_locks;',
    };
  }
  if (unreachable.has(code) || code.startsWith('08')) return { code: 'EngineUnavailable' };
  // pg reports a lost connection without a code.
  if (code === '' && error instanceof Error && /terminated|timeout|closed|not queryable/i.test(error.message)) {
    return { code: 'EngineUnavailable' };
  }
  return { code: 'EngineFailed' };
}

/** Node joins the errors of several addresses in an AggregateError without a text of its own. */
function messageOf(error: Error): string {
  if (error instanceof AggregateError && error.message === '') {
    return error.errors.map((each: unknown) => (each instanceof Error ? each.message : String(each))).join('; ');
  }
  const detail = 'detail' in error && typeof error.detail === 'string' ? ` (${error.detail})` : '';
  return error.message + detail;
}
