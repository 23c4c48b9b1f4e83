/** An error on its way from a thread. */
import { isLifeboatError, LifeboatError, type ErrorCode } from '../../domain/errors.ts';

export interface ThreadError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint?: string;
  /** Of a fault of ours: where it lies. */
  readonly stack?: string;
}

export function toThreadError(error: unknown): ThreadError {
  if (isLifeboatError(error)) return { code: error.code, message: error.message, hint: error.hint };
  if (!(error instanceof Error)) return { code: 'Internal', message: `a repository thread failed: ${String(error)}` };
  const { message, stack = '' } = error;
  return { code: 'Internal', message: `a repository thread failed: ${message}`, stack };
}

export function fromThreadError({ code, message, hint, stack }: ThreadError): LifeboatError {
  const error = new LifeboatError(code, message, hint === undefined ? {} : { hint });
  if (stack !== undefined) error.stack = stack;
  return error;
}
