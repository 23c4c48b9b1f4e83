/** Whether a stored object is what was written under its key, by its kind. Packs and indexes are looked at where they are read. */
import { isLifeboatError } from '../../domain/errors.ts';
import { openDetails, type Members } from '../details.ts';
import { decodeDocument, isDocument, parseDocument } from '../document.ts';
import type { Opener } from '../frame.ts';
import { backupIdOfManifestKey, kindOf, layout } from '../layout.ts';
import { isAuthenticManifest } from '../manifest.ts';
import type { Secrets } from '../secrets.ts';
import { authenticateWal } from '../wal-frame.ts';

export interface CheckContext {
  readonly id: string;
  readonly secrets: Secrets | undefined;
  readonly opener: Opener;
}

/** Throws nothing for damage: it is an answer. */
export function isIntact(context: CheckContext, key: string, bytes: Uint8Array): boolean {
  switch (kindOf(key)) {
    case 'identity':
    case 'refutation':
    case 'intent':
    case 'hold':
    case 'lease':
    case 'coverage':
      return isDocument(key, bytes, context.secrets);
    case 'proof':
    case 'report':
      return withoutDamage(() => {
        openDetails(key, decodeDocument(key, bytes, context.secrets, 'ObjectCorrupt') as Members, context.secrets);
      });
    case 'key':
      return isDocument(key, bytes, context.secrets) || isOfOther(context, key, bytes);
    case 'manifest':
      return isAuthenticManifest(backupIdOfManifestKey(key) ?? '', bytes, context);
    case 'tombstone':
      return isIntactStone(context, key, bytes);
    case 'wal':
    case 'history':
      return withoutDamage(() => authenticateWal(key, bytes, context.opener));
    // These are compared with what Lifeboat writes, are named by their digest, or are damaged by intent.
    case 'restoreScript':
    case 'restoreGuide':
    case 'pack':
    case 'index':
    case 'damaged':
    case undefined:
      return true;
  }
}

/** Whether a tombstone is intact. Those of packs and indexes hold nothing. */
function isIntactStone(context: CheckContext, key: string, bytes: Uint8Array): boolean {
  const id = backupIdOfManifestKey(key.slice(layout.tombstones.length));
  if (id !== undefined) return isAuthenticManifest(id, bytes, context);
  return Buffer.from(bytes).toString('latin1').trim() === '{}';
}

/** Digits that may differ where a record is ours and damaged: two random ids differ in all but a few. */
const maxFlipped = 8;

/** Left by an `init` that was cut off: its repository never came to be, and no key of ours can say more of it. */
function isOfOther({ id }: CheckContext, key: string, bytes: Uint8Array): boolean {
  let other: unknown;
  if (!withoutDamage(() => void (other = parseDocument(key, bytes, 'ObjectCorrupt')['repository']))) return false;
  if (typeof other !== 'string' || !/^[0-9a-f]{32}$/.test(other)) return false;
  const text = other;
  return id.split('').filter((digit, at) => digit !== text[at]).length > maxFlipped;
}

function withoutDamage(look: () => void): boolean {
  try {
    look();
    return true;
  } catch (error) {
    if (isLifeboatError(error, 'ObjectCorrupt')) return false;
    throw error;
  }
}
