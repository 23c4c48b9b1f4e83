import type { BlockRef, EntryMeta, FileEntry } from '../../domain/entry.ts';

export type FileMeta = EntryMeta & { readonly type: 'file' };

/** The entry of a file whose blocks have their places. */
export function fileEntry(
  entry: FileMeta,
  {
    size,
    sha256,
    refs,
  }: { readonly size: number; readonly sha256?: string | undefined; readonly refs: readonly BlockRef[] },
): FileEntry {
  return { ...entry, size, ...(sha256 !== undefined && { sha256 }), blocks: refs };
}
