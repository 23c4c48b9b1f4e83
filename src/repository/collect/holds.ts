/** `holds/<TS>.json`: a person keeps a recovery point from retention, for a reason, until it is released. */
import type { BackupId } from '../../domain/recovery-point.ts';
import type { Storage } from '../../storage/storage.ts';
import { decodeDocument, encodeDocument, isUnreadable } from '../document.ts';
import { assertBackupId, backupIdOf, layout } from '../layout.ts';
import { ownObjects } from '../own-objects.ts';
import type { Secrets } from '../secrets.ts';

export interface Hold {
  readonly backupId: BackupId;
  readonly by: string;
  readonly reason: string;
  /** ISO 8601, the storage's clock. */
  readonly at: string;
}

/** The first hold stands: a second one of the same point changes nothing. */
export async function putHold(
  storage: Storage,
  { backupId, by, reason }: Omit<Hold, 'at'>,
  secrets: Secrets | undefined,
): Promise<void> {
  assertBackupId(backupId);
  const key = layout.hold(backupId);
  const hold: Hold = { backupId, by, reason, at: (await storage.now()).toISOString() };
  await storage.putIfAbsent(key, encodeDocument(key, hold, secrets));
}

export async function removeHold(storage: Storage, backupId: BackupId): Promise<void> {
  assertBackupId(backupId);
  await storage.remove(layout.hold(backupId));
}

/** One that cannot be read holds as well: its key says which point, and nobody has said that it is free. */
export async function listHolds(storage: Storage, secrets: Secrets | undefined): Promise<Hold[]> {
  const holds: Hold[] = [];
  for await (const { key, modifiedAt } of ownObjects(storage, layout.holds)) {
    const backupId = backupIdOf(key, layout.hold) ?? '';
    try {
      const hold = decodeDocument(key, await storage.read(key), secrets, 'ObjectCorrupt') as Hold;
      holds.push({ ...hold, backupId });
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      holds.push({ backupId, by: 'unknown', reason: error.message, at: modifiedAt.toISOString() });
    }
  }
  return holds;
}
