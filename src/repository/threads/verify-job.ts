import { createHash } from 'node:crypto';
import { freeBytes } from '../free-bytes.ts';
import { frameKinds, parseHeader } from '../frame.ts';
import type { Opener } from '../frame.ts';
import type { VerifyJob, VerifyResult } from './jobs.ts';

/** Never throws for damage: each bad frame is told with its reason. */
export function verify(job: VerifyJob, opener: Opener): VerifyResult {
  const bad: { frame: number; message: string }[] = [];
  for (let frame = 0; frame < job.frames.length / 2; frame += 1) {
    try {
      const [offset = 0, length = 0] = job.frames.subarray(frame * 2, frame * 2 + 2);
      const bytes = job.bytes.subarray(offset, offset + length);
      if (!parseHeader(bytes).id.equals(job.ids.subarray(frame * 32, frame * 32 + 32)))
        throw new Error('frame holds another block');
      if (job.full) freeBytes(opener.open(bytes, frameKinds.block), bytes);
      else opener.authenticate(bytes, frameKinds.block);
    } catch (error) {
      bad.push({ frame, message: error instanceof Error ? error.message : String(error) });
    }
  }
  const result = job.digest ? { bad, sha256: createHash('sha256').update(job.bytes).digest('hex') } : { bad };
  freeBytes(job.bytes);
  return result;
}
