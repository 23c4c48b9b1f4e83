import { LifeboatError } from '../../domain/errors.ts';

/** Precondition: only who keeps the application can say how it builds its store. */
export function lacksRebuild(component: string): LifeboatError {
  return new LifeboatError('Precondition', `nothing says how ${component} is built anew`, {
    component,
    hint: 'write `rebuild: { command: […] }` for it: what asks the application, and ends when it is done',
  });
}
