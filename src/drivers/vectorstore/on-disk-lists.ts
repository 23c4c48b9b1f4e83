/**
 * The files beside a FAISS index that hold its inverted lists (`OnDiskInvertedLists`), and with them its vectors. The index
 * names each by a path, which FAISS opens for reading and writing as it loads the index.
 */
import { open, type FileHandle } from 'node:fs/promises';
import { join, posix, relative } from 'node:path';
import type { VectorstoreConfig } from '../../domain/appliance.ts';
import type { LinkFault } from '../folder/folder-links.ts';
import { refuseUnreadable } from '../folder/readable.ts';
import { groundOf, leadOf, realPath, textOf } from '../files/lead.ts';
import type { FoundStore } from './find-stores.ts';
import { indexFile } from './files.ts';
import { holdsVectors, indexHeaderBytes } from './index-header.ts';

export interface OnDiskLists {
  /** The path as the index has it, as latin1 text. */
  readonly name: string;
  /** Where the name stands in the index: its length as 8 bytes, then its bytes. */
  readonly at: number;
}

/** kind 4, number of lists 8, bytes of a code 8; then the lists, the slots and the name, each after its number. */
const kind = Buffer.from('ilod');
const headBytes = 4 + 8 + 8;
const listBytes = 24;
const slotBytes = 16;
/** The longest path that the system opens. */
const maxNameBytes = 4096;
const chunkBytes = 4 * 2 ** 20;

/**
 * Lists of this kind may lie in any index that wraps another one, so the whole file is searched for what reads as such:
 * the kind, and numbers that agree with each other and with a path.
 */
export async function findOnDiskLists(path: string): Promise<OnDiskLists[]> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const begin = await readAt(file, 0, Math.min(size, indexHeaderBytes));
    if (holdsVectors(begin)) return [];
    const found: OnDiskLists[] = [];
    for (let offset = 0; offset < size; offset += chunkBytes) {
      const chunk = await readAt(file, offset, Math.min(size - offset, chunkBytes + kind.length - 1));
      for (let at = chunk.indexOf(kind); at !== -1; at = chunk.indexOf(kind, at + 1)) {
        const lists = await parseAt(file, offset + at, size);
        if (lists !== undefined) found.push(lists);
      }
    }
    return found;
  } finally {
    await file.close();
  }
}

async function parseAt(file: FileHandle, at: number, size: number): Promise<OnDiskLists | undefined> {
  const numberAt = async (offset: number): Promise<number> =>
    offset + 8 > size ? Number.NaN : Number((await readAt(file, offset, 8)).readBigUInt64LE());
  const listsAt = at + headBytes;
  const lists = await numberAt(listsAt);
  if ((await numberAt(at + kind.length)) !== lists) return undefined;
  const slotsAt = listsAt + 8 + lists * listBytes;
  const nameAt = slotsAt + 8 + (await numberAt(slotsAt)) * slotBytes;
  const length = await numberAt(nameAt);
  if (!(length > 0 && length <= maxNameBytes && nameAt + 8 + length <= size)) return undefined;
  const name = (await readAt(file, nameAt + 8, length)).toString('latin1');
  return name.includes('\0') ? undefined : { name, at: nameAt };
}

async function readAt(file: FileHandle, offset: number, length: number): Promise<Buffer> {
  const { bytesRead, buffer } = await file.read(Buffer.alloc(length), 0, length, offset);
  return buffer.subarray(0, bytesRead);
}

/** The bytes of an index with other names in the place of its own, by where they stand. */
export function renameLists(index: Buffer, names: readonly OnDiskLists[]): Buffer {
  const parts: Buffer[] = [];
  let from = 0;
  for (const { name, at } of names) {
    const bytes = Buffer.from(name, 'latin1');
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(bytes.length));
    parts.push(index.subarray(from, at), length, bytes);
    from = at + 8 + Number(index.readBigUInt64LE(at));
  }
  return Buffer.concat([...parts, index.subarray(from)]);
}

export interface StoreLists {
  /** Files below the component's folder, in the order of the index; as many as it names where there is no fault. */
  readonly files: readonly string[];
  readonly faults: readonly LinkFault[];
}

/** Where the lists of a store's index lie: faults for what is not captured together with the index. PermissionDenied. */
export async function listsOf(
  { id, path }: Pick<VectorstoreConfig, 'id' | 'path'>,
  { folder, files: found }: FoundStore,
): Promise<StoreLists> {
  const index = join(path, folder, indexFile);
  const files: string[] = [];
  const faults: LinkFault[] = [];
  if (!found.has(indexFile)) return { files, faults };
  await refuseUnreadable(index, id);
  const lists = await findOnDiskLists(index);
  if (lists.length === 0) return { files, faults };
  const [root, ground] = [textOf(await realPath(Buffer.from(path).toString('latin1'))), await groundOf([path], [])];
  for (const { name } of lists) {
    const keeps = `the index \`${index}\` keeps its vectors in \`${textOf(name)}\``;
    const lead = await leadOf(name, ground);
    if (!posix.isAbsolute(name)) {
      const message = `${keeps}, a path that only the working folder of its application explains`;
      const hint = `write the index with an absolute path below \`${path}\``;
      faults.push({ message, hint, isMissing: false });
    } else if (lead.where === 'own') {
      files.push(relative(root, textOf(lead.path)));
    } else if (lead.where === 'nowhere') {
      const hint = 'bring that file back (a disk may not be mounted), restore the component, or rebuild the index';
      faults.push({ message: `${keeps}, which cannot be found (${lead.code})`, hint, isMissing: true });
    } else {
      const message = `${keeps}, outside of \`${path}\`: no recovery point would have them as they belong to the index`;
      const hint = `write the index anew with its lists in a file below \`${path}\`, or within the index`;
      faults.push({ message, hint, isMissing: false });
    }
  }
  return { files, faults };
}
