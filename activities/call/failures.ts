/**
 * The only place that turns our errors into Temporal's. The type is the catalogue's code, retryable as the catalogue
 * says; errno of the operating system is classified here once. Messages hold no secrets (their throwers see to it).
 */
import { ApplicationFailure, CancelledFailure, activityInfo } from '@temporalio/activity';
import { isGrpcServiceError } from '@temporalio/client';
import { causes } from '../../src/domain/causes.ts';
import { errorCatalogue, isLifeboatError, LifeboatError } from '../../src/domain/errors.ts';
import { meaningOf } from '../../src/domain/system-error.ts';

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

/** gRPC's codes of a server that is gone, going, or has too much to do; and of one that refuses us. */
const passing = [4, 8, 14];
const refused = [7, 16];

/** What Temporal answered to a run of ours. The client wraps it. */
function ofServer(error: unknown): LifeboatError | undefined {
  for (let current = error; current instanceof Error; current = current.cause) {
    if (!isGrpcServiceError(current)) continue;
    if (passing.includes(current.code))
      return new LifeboatError('Unreachable', 'Temporal did not answer what the run asked it', { cause: error });
    if (refused.includes(current.code))
      return new LifeboatError('AuthFailed', `Temporal refused what the run asked it: ${current.details}`, {
        hint: causes.refusedByTemporal.hint,
        cause: error,
      });
  }
  return undefined;
}

export function classify(error: unknown, component: string | undefined): LifeboatError {
  if (isLifeboatError(error)) return error;
  const answered = ofServer(error);
  if (answered !== undefined) return answered;
  const meaning = meaningOf(error as NodeJS.ErrnoException, process.getuid?.());
  const { code, message, hint } = meaning ?? { code: 'Internal', message: messageOf(error), hint: undefined };
  return new LifeboatError(code, message, {
    ...(component === undefined ? {} : { component }),
    ...(hint === undefined ? {} : { hint }),
    cause: error,
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
