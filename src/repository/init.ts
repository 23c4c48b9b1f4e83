import { randomBytes } from 'node:crypto';
import { LifeboatError } from '../domain/errors.ts';
import type { Storage } from '../storage/storage.ts';
import { encodeDocument } from './document.ts';
import { contentsAndKeys, contentsOf, putIdentityBack, writeIdentity } from './identity.ts';
import type { Identity } from './identity.ts';
import { addKey, keyBytes } from './keys.ts';
import type { KeySource } from './keys.ts';
import { layout, repositoryFormat } from './layout.ts';
import { openRepository, type OpenOptions } from './open.ts';
import { generateKey, parseRecoveryKey } from './recovery-key.ts';
import { writeRecoveryKit } from './recovery-kit.ts';
import type { Repository } from './repository.ts';
import { putRescueScripts, restoreScriptSum } from './rescue/scripts.ts';
import { createSecrets } from './secrets.ts';
import type { Secrets } from './secrets.ts';

export interface InitOptions {
  /** Where copies of a repository lie that may have stood here, for people. */
  readonly copies?: readonly string[];
  /** As of `openRepository`. */
  readonly isSettled?: OpenOptions['isSettled'];
}

/**
 * Makes a repository: keys first, `repository.json` last. Killed half way there is no repository, and it may run again.
 * The recovery kit is returned once and stored nowhere; with a passphrase it holds a key of its own.
 * Precondition if a repository stands there already, or stood there.
 */
export async function initRepository(
  storage: Storage,
  source: KeySource,
  { copies = [], isSettled }: InitOptions = {},
): Promise<{ readonly repository: Repository; readonly recoveryKit: string }> {
  await refuseRemains(storage, copies);
  const secrets = source.mode === 'none' ? undefined : createSecrets();
  await markBegun(storage, secrets);
  const identity: Identity = {
    format: repositoryFormat,
    id: randomBytes(16).toString('hex'),
    encryption: secrets === undefined ? 'none' : 'aes-256-gcm',
    createdAt: (await storage.now()).toISOString(),
  };
  const key =
    secrets === undefined || source.mode === 'none'
      ? undefined
      : await storeKeys(storage, secrets, source, identity.id);
  await putRescueScripts({ storage, warn: () => undefined });
  if (!(await writeIdentity(storage, identity, secrets))) throw exists(storage);
  // Left behind it says nothing any more.
  await storage.remove(begun).catch(() => undefined);
  const repository = await openRepository(storage, source, isSettled === undefined ? {} : { isSettled });
  return {
    repository,
    recoveryKit: writeRecoveryKit({
      repositoryId: identity.id,
      location: storage.description,
      createdAt: identity.createdAt,
      key,
      restoreScript: await restoreScriptSum(),
    }),
  };
}

/** Says that the keys are those of an `init` that has not ended. */
const begun = layout.lease('init');

/**
 * Precondition where a repository is, or where one lost its `repository.json`: with another id, nothing that lies there
 * would authenticate any more. What an `init` left that was cut off is no hindrance.
 */
export async function refuseRemains(storage: Storage, copies: readonly string[] = []): Promise<void> {
  if ((await storage.stat(layout.repository)) !== undefined) throw exists(storage);
  const wasBegun = (await storage.stat(begun)) !== undefined;
  const found = await contentsOf(storage, wasBegun ? undefined : contentsAndKeys);
  if (found.length === 0) return;
  throw new LifeboatError(
    'Precondition',
    `in ${storage.description} lie ${found.join(', ')} of a repository whose ${layout.repository} is gone; nothing was written`,
    { hint: `${putIdentityBack(copies)}; for a new repository choose an empty folder` },
  );
}

async function markBegun(storage: Storage, secrets: Secrets | undefined): Promise<void> {
  const now = (await storage.now()).toISOString();
  const bytes = encodeDocument(begun, { holder: 'init', token: 1, expiresAt: now, released: true }, secrets);
  const standing = await storage.stat(begun);
  if (standing === undefined) await storage.putIfAbsent(begun, bytes);
  else await storage.replaceIf(begun, standing.version, bytes);
}

/** Returns the key for the kit. */
async function storeKeys(
  storage: Storage,
  secrets: Secrets,
  source: Exclude<KeySource, { mode: 'none' }>,
  repository: string,
): Promise<Uint8Array> {
  await addKey(storage, secrets, source, { repository, purpose: 'primary' });
  if (source.mode === 'key') return keyBytes(source.key);
  const key = parseRecoveryKey(generateKey());
  await addKey(storage, secrets, { mode: 'key', key }, { repository, purpose: 'recovery' });
  return key;
}

function exists(storage: Storage): LifeboatError {
  return new LifeboatError('Precondition', `there is a repository in ${storage.description} already`, {
    hint: 'use it, or choose an empty folder',
  });
}
