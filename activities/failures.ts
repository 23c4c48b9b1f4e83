/**
 * The only place that turns our errors into Temporal's. The type is the catalogue's code, retryable as the catalogue
 * says; errno of the operating system is classified here once. Messages hold no secrets (their throwers see to it).
 */
import { ApplicationFailure, CancelledFailure, activityInfo } from '@temporalio/activity';
import { isGrpcServiceError } from '@temporalio/client';
import { errorCatalogue, isLifeboatError, LifeboatError, type ErrorCode } from '../src/domain/errors.ts';
import { refusedHint } from '../src/domain/refused-access.ts';

export async function translated<T>(component: string | undefined, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw toFailure(error, component);
  }
}

export function toFailure(error: unknown, component: string | undefined): Error {
  if (error instanceof CancelledFailure || error instanceof ApplicationFailure) return error;
  if (error instanceof Error && error.name === 'AbortError')
    return new CancelledFailure(`${activityInfo().activityType} was cancelled`);
  const known = classify(error, component);
  const subject = known.component ?? component;
  const failure = ApplicationFailure.create({
    type: known.code,
    nonRetryable: !errorCatalogue[known.code].retryable,
    message:
      subject === undefined ||
      known.message.startsWith(`${subject}:`) ||
      known.message.startsWith(`${subject} `) ||
      known.message.includes(`\`${subject}\``)
        ? known.message
        : `${subject}: ${known.message}`,
    details: [{ component: subject ?? '', hint: known.hint, details: known.details }],
  });
  // Shown beside the message in Temporal's UI: where this was made says nothing, where a fault of ours lies does.
  failure.stack = known.code === 'Internal' && error instanceof Error ? (error.stack ?? '') : '';
  return failure;
}

/** gRPC's codes of a server that is gone, or going. The client wraps what it was answered. */
function isServerGone(error: unknown): boolean {
  for (let current = error; current instanceof Error; current = current.cause)
    if (isGrpcServiceError(current) && (current.code === 4 || current.code === 14)) return true;
  return false;
}

export function classify(error: unknown, component: string | undefined): LifeboatError {
  if (isLifeboatError(error)) return error;
  if (isServerGone(error))
    return new LifeboatError('Unreachable', 'Temporal did not answer what the run asked it', { cause: error });
  const { code: errno, path, syscall, message } = error as NodeJS.ErrnoException;
  const where = `${syscall ?? 'access'} ${path ?? ''}`.trim();
  const as = (code: ErrorCode, text: string, hint?: string): LifeboatError =>
    new LifeboatError(code, text, {
      ...(component === undefined ? {} : { component }),
      ...(hint === undefined ? {} : { hint }),
      cause: error,
    });
  switch (errno) {
    case 'ENOSPC':
    case 'EDQUOT':
      return as('NoSpace', `no space left: ${where}`);
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return as('PermissionDenied', `permission denied: ${where}`, refusedHint(errno, process.getuid?.()));
    case 'ECONNREFUSED':
    case 'ECONNRESET':
    case 'ETIMEDOUT':
    case 'EPIPE':
      return as('EngineUnavailable', `connection failed (${errno}): ${where}`);
    case 'EIO':
      return as('StorageFailed', `input/output error: ${where}`);
    default:
      return as('Internal', message ?? String(error));
  }
}
