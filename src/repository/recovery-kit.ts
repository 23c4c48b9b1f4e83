/** What opens a repository when the machine is gone: printed once by `init`, kept on paper or in a safe, and tried. */
import { LifeboatError } from '../domain/errors.ts';
import type { Storage } from '../storage/storage.ts';
import { authenticateIdentity, readIdentity } from './identity.ts';
import { openSecrets } from './keys.ts';
import { recoveryKit } from './layout.ts';
import { formatRecoveryKey, parseRecoveryKey } from './recovery-key.ts';
import { addProof, believedProofs } from './proofs.ts';
import type { Secrets } from './secrets.ts';
import type { ProofContext } from './proof-types.ts';

const keyBegin = '--- key begins ---';
const keyEnd = '--- key ends ---';

export interface KitFacts {
  readonly repositoryId: string;
  readonly location: string;
  readonly createdAt: string;
  /** Undefined for a repository that is not encrypted. */
  readonly key: Uint8Array | undefined;
  /** SHA-256 of the `restore.sh` that was written there. */
  readonly restoreScript: string;
}

export function writeRecoveryKit({ repositoryId, location, createdAt, key, restoreScript }: KitFacts): string {
  const head = [
    'LIFEBOAT RECOVERY KIT',
    '',
    `repository  ${repositoryId}`,
    `location    ${location}`,
    `created     ${createdAt}`,
    `restore.sh  ${restoreScript}`,
    '',
  ];
  if (key === undefined) {
    return [
      ...head,
      'This repository is not encrypted: whoever can read it can restore it, no key',
      'is needed.',
      '',
      ...steps,
      '',
    ].join('\n');
  }
  return [
    ...head,
    'This key opens every recovery point. Without a key nobody can, also not the',
    'makers of Lifeboat. Print this page or put it into a safe that does not burn',
    'with the machine. Do not keep it only beside the backups.',
    '',
    keyBegin,
    formatRecoveryKey(key).trimEnd(),
    keyEnd,
    '',
    ...steps,
    '',
  ].join('\n');
}

const steps = [
  'To restore on a new machine:',
  '  1. Mount or copy the repository.',
  '  2. With Lifeboat: put the key (the four lines) into a file, name the file in',
  '     lifeboat.yaml under repository.encryption, then',
  '     `lifeboat restore plan --at latest`.',
  '  3. Without Lifeboat: RESTORE.md in the repository; `sh restore.sh` needs jq,',
  '     zstd and openssl 3. Give it the key only if `sha256sum restore.sh` shows',
  '     the sum above, or the one that `lifeboat doctor` showed last: a newer',
  '     Lifeboat writes a newer restore.sh.',
  'Try it today: `lifeboat doctor` reminds you until this kit has opened the',
  'repository once.',
];

/**
 * Opens repository.json and the key records with nothing but the kit (its whole text, or the key alone) and records that
 * it worked. KeyWrong with the mistyped line, RepositoryMissing, ObjectCorrupt.
 */
export async function tryRecoveryKit(storage: Storage, kit: string): Promise<{ readonly repositoryId: string }> {
  const { identity, bytes } = await readIdentity(storage);
  if (identity.encryption === 'none') {
    authenticateIdentity(bytes, undefined);
    await addTrial(storage, undefined);
    return { repositoryId: identity.id };
  }
  const named = /^repository\s+([0-9a-f]{32})\s*$/m.exec(kit)?.[1];
  if (named !== undefined && named !== identity.id) {
    throw new LifeboatError(
      'RepositoryMismatch',
      `the kit is for repository ${named}, in ${storage.description} lies ${identity.id}`,
    );
  }
  const secrets = await openSecrets(storage, { mode: 'key', key: parseRecoveryKey(keyText(kit)) }, identity.id);
  authenticateIdentity(bytes, secrets);
  await addTrial(storage, secrets);
  return { repositoryId: identity.id };
}

/** When the kit was last tried with success (ISO 8601, the storage's clock), or undefined. */
export async function recoveryKitTriedAt(context: ProofContext): Promise<string | undefined> {
  const [last] = await believedProofs(context, recoveryKit);
  return typeof last?.['at'] === 'string' ? last['at'] : undefined;
}

async function addTrial(storage: Storage, secrets: Secrets | undefined): Promise<void> {
  await addProof({ storage, secrets, warn: () => undefined }, recoveryKit, { kind: recoveryKit, ok: true });
}

function keyText(kit: string): string {
  const begin = kit.indexOf(keyBegin);
  const end = kit.indexOf(keyEnd);
  return begin >= 0 && end > begin ? kit.slice(begin + keyBegin.length, end) : kit;
}
