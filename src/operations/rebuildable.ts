/** Which components the application can make anew, where their artefact is not to be restored. */
import type { Appliance } from '../domain/appliance.ts';
import { LifeboatError } from '../domain/errors.ts';

/** InputInvalid for what is no vector store, Precondition for one of which nobody said how it is built. */
export function requireRebuildable({ components }: Appliance, ids: readonly string[]): void {
  for (const id of ids) {
    const config = components.find((component) => component.id === id);
    if (config?.kind !== 'vectorstore')
      throw new LifeboatError('InputInvalid', `\`${id}\` cannot be built anew: it is no vector store`, {
        component: id,
        hint: 'the vector stores of lifeboat.yaml can, where they have `rebuild`',
      });
    if (config.rebuild === undefined)
      throw new LifeboatError('Precondition', `nothing says how ${id} is built anew`, {
        component: id,
        hint: 'write `rebuild: { command: […] }` for it: what asks the application, and ends when it is done',
      });
  }
}
