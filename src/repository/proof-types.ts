/** What a proof says, and where proofs are read. */
import type { JsonValue, Manifest } from '../domain/recovery-point.ts';
import type { Storage } from '../storage/storage.ts';
import type { Secrets } from './secrets.ts';
import type { DocumentCache } from './document-cache.ts';

export type ProofRecord = Readonly<Record<string, JsonValue>>;

export interface NumberedProof {
  readonly number: number;
  readonly proof: ProofRecord;
}

export interface ProofContext {
  readonly storage: Storage;
  readonly secrets: Secrets | undefined;
  readonly warn: (message: string) => void;
  /** What later manifests name counts as well; in a copy they tell of the repository, so there it is absent. */
  readonly manifests?: () => Promise<readonly Manifest[]>;
  /** Reports there are those of the repository. */
  readonly isCopy?: boolean;
  /** What was read before; without it everything is read when it is asked for. */
  readonly documents?: DocumentCache;
}
