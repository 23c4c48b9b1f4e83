import { createHash } from 'node:crypto';
import { blocksOfBundle, digestOfBundle } from '../bundle.ts';
import { freeBytes } from '../free-bytes.ts';
import { digestOfContent, digestsInBundle, frameKinds } from '../frame.ts';
import type { FrameKind, Opener } from '../frame.ts';
import type { BundleContents, VerifyJob, VerifyResult } from './jobs.ts';

/** Never throws for damage: each bad frame is told with its reason. */
export function verify(job: VerifyJob, opener: Opener): VerifyResult {
  const bad: { frame: number; message: string }[] = [];
  const bundles: BundleContents[] = [];
  for (let frame = 0; frame < job.frames.length / 2; frame += 1) {
    try {
      const contents = verifyFrame(job, frame, opener);
      if (contents !== undefined) bundles.push(contents);
    } catch (error) {
      bad.push({ frame, message: error instanceof Error ? error.message : String(error) });
    }
  }
  const result = job.digest ? { sha256: createHash('sha256').update(job.bytes).digest('hex') } : {};
  freeBytes(job.bytes);
  return { bad, bundles, ...result };
}

/** What a bundle holds, where frames are opened. */
function verifyFrame(job: VerifyJob, frame: number, opener: Opener): BundleContents | undefined {
  const [offset = 0, length = 0] = job.frames.subarray(frame * 2, frame * 2 + 2);
  const bytes = job.bytes.subarray(offset, offset + length);
  const digest = job.digests.subarray(frame * 32, frame * 32 + 32);
  const kind: FrameKind = job.bundles.has(frame) ? frameKinds.bundle : frameKinds.block;
  if (!opener.isIdOf(bytes, digest)) throw new Error('frame holds another block');
  if (!job.full) {
    opener.authenticate(bytes, kind);
    return undefined;
  }
  const plain = opener.unpack(bytes, kind);
  const contents = kind === frameKinds.bundle ? { frame, ...contentsOf(plain) } : undefined;
  const found = contents === undefined ? digestOfContent(kind, plain) : contents.digest;
  freeBytes(plain, bytes);
  if (Buffer.compare(found, digest) !== 0) throw new Error('frame content does not have the id of its frame');
  return contents;
}

function contentsOf(plain: Buffer): Omit<BundleContents, 'frame'> & { readonly digest: Buffer } {
  const digests = digestsInBundle(plain);
  const places = Uint32Array.from((blocksOfBundle(plain) ?? []).flatMap(({ at, length }) => [at, length]));
  return { places, digests: new Uint8Array(digests), digest: digestOfBundle(digests) };
}
