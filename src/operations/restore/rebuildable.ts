/** Which components the application can make anew, where their artefact is not to be restored. */
import type { Appliance } from '../../domain/appliance.ts';
import { LifeboatError } from '../../domain/errors.ts';
import { lacksRebuild } from '../../drivers/vectorstore/lacks-rebuild.ts';

/** InputInvalid for what is no vector store, Precondition for one of which nobody said how it is built. */
export function requireRebuildable({ components }: Appliance, ids: readonly string[]): void {
  for (const id of ids) {
    const config = components.find((component) => component.id === id);
    if (config?.kind !== 'vectorstore')
      throw new LifeboatError('InputInvalid', `\`${id}\` cannot be built anew: it is no vector store`, {
        component: id,
        hint: 'the vector stores of lifeboat.yaml can, where they have `rebuild`',
      });
    if (config.rebuild === undefined) throw lacksRebuild(id);
  }
}

/** What is to be restored of what was named; empty where nothing was. InputInvalid where none is left: it would read as all. */
export function leftToRestore(components: readonly string[], rebuild: readonly string[]): string[] {
  const left = components.filter((id) => !rebuild.includes(id));
  if (components.length > 0 && left.length === 0)
    throw new LifeboatError('InputInvalid', 'what is to be restored is all to be built anew: nothing is left', {
      hint: `without a restore: \`lifeboat restore rebuild ${components[0]}\``,
    });
  return left;
}
