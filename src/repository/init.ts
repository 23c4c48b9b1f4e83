import { randomBytes } from 'node:crypto';
import { LifeboatError } from '../domain/errors.ts';
import type { Storage } from '../storage/storage.ts';
import { writeIdentity } from './identity.ts';
import type { Identity } from './identity.ts';
import { addKey, keyBytes } from './keys.ts';
import type { KeySource } from './keys.ts';
import { layout, repositoryFormat } from './layout.ts';
import { openRepository } from './open.ts';
import { generateKey, parseRecoveryKey } from './recovery-key.ts';
import { writeRecoveryKit } from './recovery-kit.ts';
import type { Repository } from './repository.ts';
import { putRescueScripts } from './rescue/scripts.ts';
import { createSecrets } from './secrets.ts';
import type { Secrets } from './secrets.ts';

/**
 * Makes a repository: keys first, `repository.json` last. Killed half way there is no repository, and it may run again.
 * The recovery kit is returned once and stored nowhere; with a passphrase it holds a key of its own.
 * Precondition if a repository stands there already.
 */
export async function initRepository(
  storage: Storage,
  source: KeySource,
): Promise<{ readonly repository: Repository; readonly recoveryKit: string }> {
  if ((await storage.stat(layout.repository)) !== undefined) throw exists(storage);
  const secrets = source.mode === 'none' ? undefined : createSecrets();
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
  await putRescueScripts(storage);
  if (!(await writeIdentity(storage, identity, secrets))) throw exists(storage);
  const repository = await openRepository(storage, source);
  return {
    repository,
    recoveryKit: writeRecoveryKit({
      repositoryId: identity.id,
      location: storage.description,
      createdAt: identity.createdAt,
      key,
    }),
  };
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
