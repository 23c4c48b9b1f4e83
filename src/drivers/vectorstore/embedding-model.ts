/** A store answers only queries that were embedded by its own model. */
import type { VectorstoreConfig } from '../../domain/appliance.ts';
import { LifeboatError } from '../../domain/errors.ts';

/** The VersionMismatch of the first store that another model embedded than the configured one; undefined if none. */
export function otherModel(
  config: VectorstoreConfig,
  stores: readonly { readonly embeddingModel: string | null }[],
): LifeboatError | undefined {
  const { embeddingModel: configured, id } = config;
  const other = stores.find(
    ({ embeddingModel }) => configured !== undefined && embeddingModel !== null && embeddingModel !== configured,
  );
  if (other === undefined) return undefined;
  return new LifeboatError(
    'VersionMismatch',
    `the vectors were embedded by \`${other.embeddingModel}\`, configured is \`${configured}\``,
    {
      component: id,
      hint: 'choose a recovery point of the configured model, or set embeddingModel to the one that the application will use',
    },
  );
}
