/** From a stored frame to the bytes of a block that an index names. What a frame claims to hold is bounded before it is opened. */
import { hash } from 'node:crypto';
import { LifeboatError } from '../domain/errors.ts';
import { frameKinds, parseHeader, type Opener } from './frame.ts';
import { largestBlock } from './parse-entry.ts';

export interface NamedBlock {
  /** SHA-256, hex. */
  readonly digest: string;
  readonly plainLength: number;
  /** Where it begins in the plaintext of a frame that it shares; absent: it is all of it. */
  readonly within?: number;
}

/** The plaintext of the frame that holds the block: several blocks of one frame share it. ObjectCorrupt. */
export function unpackFrameOf({ within, plainLength }: NamedBlock, frame: Uint8Array, opener: Opener): Buffer {
  const { plainLength: claimed } = parseHeader(frame);
  if (within === undefined ? claimed !== plainLength : claimed > largestBlock)
    throw new LifeboatError('ObjectCorrupt', `frame claims ${claimed} bytes, which is not what is named`);
  return opener.unpack(frame, within === undefined ? frameKinds.block : frameKinds.bundle);
}

/** A view of the plaintext, compared with the digest that the index names. ObjectCorrupt. */
export function blockIn(plain: Buffer, { digest, plainLength, within = 0 }: NamedBlock): Buffer {
  const block = plain.subarray(within, within + plainLength);
  if (block.length !== plainLength || hash('sha256', block) !== digest)
    throw new LifeboatError('ObjectCorrupt', 'frame holds another block');
  return block;
}
