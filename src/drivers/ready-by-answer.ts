/** What the server behind a component says when it is asked for something. One that refuses our credentials is up. */
import { isLifeboatError } from '../domain/errors.ts';
import type { Readiness } from '../domain/readiness.ts';

export async function readinessByAnswer(ask: () => Promise<unknown>): Promise<Readiness> {
  try {
    await ask();
    return { ready: true, detail: 'answers' };
  } catch (error) {
    const refuses = isLifeboatError(error, 'AuthFailed', 'PermissionDenied');
    return { ready: refuses, detail: error instanceof Error ? error.message : 'does not answer' };
  }
}
