/** An error on its way from a thread. */
import { isLifeboatError, LifeboatError, type ErrorCode } from '../domain/errors.ts';

export interface ThreadError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint?: string;
  readonly component?: string;
  /** What the system said, where that is the cause. */
  readonly system?: { readonly code?: string | undefined; readonly errno?: number | undefined };
  /** Where a fault of our own lies. */
  readonly stack?: string;
}

export function toThreadError(error: unknown): ThreadError {
  if (isLifeboatError(error)) {
    const { code, message, hint, component, cause } = error;
    return { code, message, hint, ...(component !== undefined && { component }), ...systemOf(cause) };
  }
  if (!(error instanceof Error)) return { code: 'Internal', message: `a thread failed: ${String(error)}` };
  const { message, stack = '' } = error;
  return { code: 'Internal', message: `a thread failed: ${message}`, stack };
}

export function fromThreadError({ code, message, hint, component, system, stack }: ThreadError): LifeboatError {
  const error = new LifeboatError(code, message, {
    ...(hint === undefined ? {} : { hint }),
    ...(component === undefined ? {} : { component }),
    ...(system === undefined ? {} : { cause: Object.assign(new Error(system.code ?? 'system error'), system) }),
  });
  if (stack !== undefined) error.stack = stack;
  return error;
}

function systemOf(cause: unknown): Pick<ThreadError, 'system'> {
  if (!(cause instanceof Error) || !('errno' in cause)) return {};
  const { code, errno } = cause as NodeJS.ErrnoException;
  return { system: { code, errno } };
}
