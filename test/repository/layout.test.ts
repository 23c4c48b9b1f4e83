/** The grammar of keys: what `layout` writes it knows again, and nothing else. */
import { describe, expect, test } from 'vitest';
import { isOwnFolder, kindOf, layout, objectKinds, type ObjectKind } from '../../src/repository/layout.ts';
import { isImmutable, isPlain } from '../../src/storage/key.ts';

const id = '20261129_020000';
const pack = layout.pack('ab'.repeat(32));

const written: Readonly<Record<ObjectKind, readonly string[]>> = {
  identity: [layout.repository],
  restoreScript: [layout.restoreScript],
  restoreGuide: [layout.restoreGuide],
  key: [layout.key('00ff'.repeat(4))],
  pack: [pack],
  index: [layout.index('0f'.repeat(16))],
  wal: [
    layout.wal('db', '7', 1, '000000010000000000000007'),
    layout.wal('läufer 1', '7416823641234567890', 10, '0000000A0000000000000007.0000000007000000-0000000007012340'),
  ],
  history: [layout.wal('db', '7', 2, '00000002.history')],
  coverage: [layout.wal('db', '7', 1, 'coverage.json')],
  manifest: [layout.manifest(id)],
  proof: [layout.proof(id, 1), layout.proof(id, 12345), layout.proof('recovery-kit', 1)],
  refutation: [layout.refutation(id)],
  report: [layout.report('fullBackup', 'fullBackup/shop-2026-11-29T02:00:00Z'), layout.report('exposure', '.ü')],
  intent: [layout.intent(id)],
  hold: [layout.hold(id)],
  lease: [layout.lease('collection')],
  tombstone: [layout.tombstone(pack), layout.tombstone(layout.manifest(id))],
  damaged: [layout.damaged(layout.wal('db', '7', 1, '000000010000000000000007')), layout.damaged('restore.sh')],
};

/** Which kinds a storage replaces; the others are created once. */
const replaced: readonly ObjectKind[] = ['report', 'intent', 'lease', 'refutation', 'coverage', 'history'];

describe('the grammar of keys', () => {
  test.each(objectKinds)('%s: what is written is known as that, and lies in a folder that may hold it', (kind) => {
    expect(written[kind].length).toBeGreaterThan(0);
    for (const key of written[kind]) {
      expect(kindOf(key), key).toBe(kind);
      for (let at = key.indexOf('/'); at >= 0; at = key.indexOf('/', at + 1))
        expect(isOwnFolder(key.slice(0, at + 1)), key.slice(0, at + 1)).toBe(true);
    }
  });

  test.each(objectKinds)('%s: the storages know as well whether it is replaced', (kind) => {
    for (const key of written[kind]) {
      if (kind === 'restoreScript' || kind === 'restoreGuide')
        expect([isImmutable(key), isPlain(key)]).toEqual([false, true]);
      else expect(isImmutable(key), key).toBe(!replaced.includes(kind));
    }
  });

  test.each([
    '',
    'notes.txt',
    'repository.json.bak',
    'keys/00ff.json',
    `packs/cd/${'ab'.repeat(32)}`,
    `packs/ab/${'ab'.repeat(31)}`,
    'wal/db/7/00000001/000000020000000000000007',
    'wal/db/7/1/000000010000000000000007',
    'wal/db/7/00000001/000000010000000000000007.partial',
    'wal/d b/7/00000001/coverage.json',
    'manifests/2026/11/30/backup_manifest_20261129_020000.json',
    'manifests/2026/11/31/backup_manifest_20261131_020000.json',
    'manifests/backup_manifest_20261129_020000.json',
    `proofs/${id}/1.json`,
    `proofs/${id}/00001.json`,
    `proofs/${id}/1234567890.json`,
    'proofs/latest/0001.json',
    'reports/fullBackup/a.b.json',
    'reports/fullBackup/.2.json',
    'reports/x.json',
    'intents/20261129.json',
    'holds/20261129_020000.json.bak',
    'tombstones/keys/00ff00ff00ff00ff.json',
    'damaged/notes.txt',
    'damaged/damaged/restore.sh',
  ])('%j is not ours', (key) => {
    expect(kindOf(key)).toBeUndefined();
  });

  test('folders that can hold nothing of ours', () => {
    for (const folder of ['private/', 'manifests/private/', 'packs/zz/', 'wal/a b/', 'tombstones/x/', 'reports/a/b/'])
      expect(isOwnFolder(folder), folder).toBe(false);
  });
});
