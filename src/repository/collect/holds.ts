/** `holds/<TS>.json`: a person keeps a recovery point from retention, for a reason, until it is released. */
import type { BackupId } from '../../domain/recovery-point.ts';
import type { Storage } from '../../storage/storage.ts';
import { decodeDocument, encodeDocument } from '../document.ts';
import { assertBackupId, layout } from '../layout.ts';
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

/** ObjectCorrupt for one that does not authenticate: what it held is not known to be free. */
export async function listHolds(storage: Storage, secrets: Secrets | undefined): Promise<Hold[]> {
  const holds: Hold[] = [];
  for await (const { key } of storage.list(layout.holds))
    holds.push(decodeDocument(key, await storage.read(key), secrets, 'ObjectCorrupt') as Hold);
  return holds;
}
