/**
 * A bundle: the plaintext of a frame that holds several blocks, because a frame for each small file would cost more than
 * its content. It begins with the number of blocks and the length of each, 4 bytes big endian, then the blocks follow.
 */
import { hash } from 'node:crypto';

/** A block in the plaintext of a frame. */
export interface BlockPlace {
  readonly at: number;
  readonly length: number;
}

/** Blocks up to this size share frames. */
export const bundledBytes = 64 * 1024;
/** A bundle is closed by the block that brings it here. */
export const bundleBytes = 256 * 1024;
/** What the begin of a bundle takes for each of its blocks, and once. */
export const bundleEntryBytes = 4;

/** `blocks` stand one after the other in `contents`. */
export function encodeBundle(lengths: readonly number[], contents: Uint8Array): Buffer {
  const begin = bundleEntryBytes * (lengths.length + 1);
  const bundle = Buffer.allocUnsafe(begin + contents.length);
  bundle.writeUInt32BE(lengths.length, 0);
  lengths.forEach((length, block) => bundle.writeUInt32BE(length, bundleEntryBytes * (block + 1)));
  bundle.set(contents, begin);
  return bundle;
}

/** Undefined where the lengths do not fit the bytes, or a block has none. */
export function blocksOfBundle(plain: Uint8Array): BlockPlace[] | undefined {
  const bytes = Buffer.from(plain.buffer, plain.byteOffset, plain.length);
  if (bytes.length < bundleEntryBytes) return undefined;
  const count = bytes.readUInt32BE(0);
  let at = bundleEntryBytes * (count + 1);
  if (count === 0 || at > bytes.length) return undefined;
  const blocks: BlockPlace[] = [];
  for (let block = 0; block < count; block += 1) {
    const length = bytes.readUInt32BE(bundleEntryBytes * (block + 1));
    if (length === 0) return undefined;
    blocks.push({ at, length });
    at += length;
  }
  return at === bytes.length ? blocks : undefined;
}

/** SHA-256 over the SHA-256s of the blocks: 32 bytes each in `digests`. */
export function digestOfBundle(digests: Uint8Array): Buffer {
  return hash('sha256', digests, 'buffer');
}
