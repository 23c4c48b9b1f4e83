/** What is sealed with a folder of models. */
import type { FolderOwner } from '../folder/walk-folder.ts';

export interface ModelFacts {
  readonly path: string;
  readonly architecture: string;
}

export interface ModelsFacts {
  readonly owner: FolderOwner;
  readonly models: readonly ModelFacts[];
}
