/** What is sealed with a folder of models. */
import type { LeftOutAttributes } from '../attributes/capture.ts';
import type { ChangedMeanwhile } from '../folder/meanwhile.ts';
import type { FolderPlace } from '../folder/link-probes.ts';
import type { FolderOwner } from '../folder/walk-folder.ts';

export interface ModelFacts {
  /** Name that a loader is given. */
  readonly path: string;
  /** Where its bytes lie, where the name is a link. */
  readonly file?: string;
  readonly architecture: string;
}

export interface ModelsFacts extends LeftOutAttributes, ChangedMeanwhile {
  readonly owner: FolderOwner;
  /** A recovery point of an older version does not say it. */
  readonly place?: FolderPlace;
  readonly models: readonly ModelFacts[];
}
