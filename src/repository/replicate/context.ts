/** What a replication reads from, and how. */
import type { Storage } from '../../storage/storage.ts';
import type { Secrets } from '../secrets.ts';
import type { Opener } from '../frame.ts';
import type { Expiries } from '../expiry.ts';
import type { DocumentCache } from '../document-cache.ts';
import type { SkeletonOptions } from './skeleton.ts';
import { isDocument } from '../document.ts';

export interface ReplicateContext {
  readonly storage: Storage;
  readonly id: string;
  readonly secrets: Secrets | undefined;
  readonly opener: Opener;
  readonly expiries: Expiries;
  /** Documents of the place that is copied to. */
  readonly documents: DocumentCache;
  readonly warn: (message: string) => void;
}

/** Key records that are damaged here must not be spread. */
export function skeletonOptions({ secrets, warn }: ReplicateContext): SkeletonOptions {
  const isWhole = (key: string, bytes: Uint8Array): boolean => isDocument(key, bytes, secrets);
  return { warn, isWhole };
}
