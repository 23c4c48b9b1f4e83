import { expect, test } from 'vitest';
import type { BackupFile, Manifest } from '../../src/domain/recovery-point.ts';
import { ManifestCache } from '../../src/repository/manifest-cache.ts';

const fileOf = (id: string, size = 1): BackupFile => ({ filename: id, path: `packs/${id}`, size, checksum: id });

/** As it comes from a parser: nothing is shared. */
function add(cache: ManifestCache, timestamp: string, files: readonly BackupFile[]): Manifest {
  const manifest = { timestamp, backup_files: files.map((file) => ({ ...file })) } as unknown as Manifest;
  return cache.set(timestamp, { version: '1', digest: timestamp, manifest }).manifest;
}

test('what points say of a pack that they share is kept once', () => {
  const cache = new ManifestCache();
  const one = add(cache, '1', [fileOf('a'), fileOf('b')]);
  const two = add(cache, '2', [fileOf('b'), fileOf('c')]);
  expect(two.backup_files).toEqual([fileOf('b'), fileOf('c')]);
  expect(two.backup_files[0]).toBe(one.backup_files[1]);
});

test('what another point says of the same name is kept as it says it', () => {
  const cache = new ManifestCache();
  add(cache, '1', [fileOf('a')]);
  expect(add(cache, '2', [fileOf('a', 2)]).backup_files).toEqual([fileOf('a', 2)]);
  expect(cache.get('1')?.manifest.backup_files).toEqual([fileOf('a')]);
});

test('points that went are forgotten with what they alone named, the others are in order', () => {
  const cache = new ManifestCache();
  add(cache, '3', [fileOf('c')]);
  const gone = add(cache, '1', [fileOf('a')]);
  add(cache, '2', [fileOf('b')]);
  cache.keepOnly(new Set(['2', '3']));
  expect(cache.manifests().map(({ timestamp }) => timestamp)).toEqual(['2', '3']);
  expect(cache.size).toBe(2);
  expect(add(cache, '4', [fileOf('a')]).backup_files[0]).not.toBe(gone.backup_files[0]);
});
