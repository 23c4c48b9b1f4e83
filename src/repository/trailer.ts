/** The last 8 bytes of a pack: the length of its last frame, big endian, and a magic number. */
import { LifeboatError } from '../domain/errors.ts';

export const trailerBytes = 8;
const magic = 'LBP1';

export function encodeTrailer(lastFrameBytes: number): Buffer {
  const trailer = Buffer.alloc(trailerBytes);
  trailer.writeUInt32BE(lastFrameBytes, 0);
  trailer.write(magic, 4, 'latin1');
  return trailer;
}

/** Length of the last frame. `objectBytes` bounds what it may claim. */
export function decodeTrailer(bytes: Uint8Array, object: string, objectBytes: number): number {
  const trailer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = trailer.length === trailerBytes ? trailer.readUInt32BE(0) : 0;
  if (length === 0 || length + trailerBytes > objectBytes || trailer.toString('latin1', 4) !== magic) {
    throw new LifeboatError('ObjectCorrupt', `object ${object} does not end as it should`);
  }
  return length;
}
