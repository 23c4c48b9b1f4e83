/**
 * `intents/<TS>.json`: a writer says that it works before its first look for stored blocks, so that collection waits for
 * it. The same object reserves the backup id.
 */
import { LifeboatError } from '../domain/errors.ts';
import { backupIdOf } from '../domain/recovery-point.ts';
import type { BackupId } from '../domain/recovery-point.ts';
import type { Storage } from '../storage/storage.ts';
import { awaitNoCollector, intentLifetimeMs } from './collect/exclusion.ts';
import { decodeDocument, encodeDocument, isUnreadable } from './document.ts';
import { assertBackupId, layout } from './layout.ts';
import type { Secrets } from './secrets.ts';

/** Two backups of one second are rare; thousands are a mistake. */
const secondsTried = 3600;

interface Intent {
  readonly backupId: BackupId;
  readonly owner: string;
  readonly startedAt: string;
  readonly expiresAt: string;
  readonly closedAt?: string;
}

export async function reserveBackupId(
  storage: Storage,
  time: Date,
  owner: string,
  secrets: Secrets | undefined,
): Promise<BackupId> {
  for (let second = 0; second < secondsTried; second += 1) {
    const id = backupIdOf(new Date(time.getTime() + second * 1000));
    if (!(await claim(storage, id, owner, secrets))) continue;
    await awaitNoCollector(storage, secrets);
    return id;
  }
  throw new LifeboatError('Precondition', `no free backup id within ${secondsTried} s after ${backupIdOf(time)}`);
}

/** Makes sure that an intent stands for a backup that somebody writes to. */
export async function ensureIntent(storage: Storage, id: BackupId, secrets: Secrets | undefined): Promise<void> {
  assertBackupId(id);
  await create(storage, id, 'unreserved', secrets);
  await awaitNoCollector(storage, secrets);
}

export async function closeIntent(storage: Storage, id: BackupId, secrets: Secrets | undefined): Promise<void> {
  assertBackupId(id);
  const key = layout.intent(id);
  const info = await storage.stat(key);
  if (info === undefined) return;
  const intent = (await readIntent(storage, id, secrets)) ?? (await newIntent(storage, id, 'unknown'));
  if (intent.closedAt !== undefined) return;
  // Undefined: somebody else closed it.
  await storage.replaceIf(
    key,
    info.version,
    encodeDocument(key, { ...intent, closedAt: (await storage.now()).toISOString() }, secrets),
  );
}

/** True if this owner has the id, from now or from an earlier call, and has not closed it. */
async function claim(storage: Storage, id: BackupId, owner: string, secrets: Secrets | undefined): Promise<boolean> {
  if ((await storage.stat(layout.intent(id))) !== undefined)
    return isOpenOf(owner, await readIntent(storage, id, secrets));
  // A manifest without an intent: collection removed the intent, or another tool sealed it. Removed points keep their
  // id. Asked before an intent is made: one that nobody closes would hold collection back.
  const key = layout.manifest(id);
  if ((await storage.stat(key)) !== undefined || (await storage.stat(layout.tombstone(key))) !== undefined)
    return false;
  if (await create(storage, id, owner, secrets)) return true;
  return isOpenOf(owner, await readIntent(storage, id, secrets));
}

/** Collection does not wait for the writer of one that was closed. */
function isOpenOf(owner: string, intent: Intent | undefined): boolean {
  return intent?.owner === owner && intent.closedAt === undefined;
}

async function create(storage: Storage, id: BackupId, owner: string, secrets: Secrets | undefined): Promise<boolean> {
  const key = layout.intent(id);
  if ((await storage.stat(key)) !== undefined) return false;
  const intent = await newIntent(storage, id, owner);
  return (await storage.putIfAbsent(key, encodeDocument(key, intent, secrets))) === 'created';
}

async function newIntent(storage: Storage, id: BackupId, owner: string): Promise<Intent> {
  const now = await storage.now();
  const expiresAt = new Date(now.getTime() + intentLifetimeMs).toISOString();
  return { backupId: id, owner, startedAt: now.toISOString(), expiresAt };
}

/** Undefined for one that cannot be read: it is nobody's, and its id stays taken. */
async function readIntent(storage: Storage, id: BackupId, secrets: Secrets | undefined): Promise<Intent | undefined> {
  const key = layout.intent(id);
  try {
    return decodeDocument(key, await storage.read(key), secrets, 'ObjectCorrupt') as Intent;
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    return undefined;
  }
}
