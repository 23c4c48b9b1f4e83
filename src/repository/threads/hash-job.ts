import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import type { DigestJob, HashJob } from './jobs.ts';

/** Running SHA-256s of files that are too large for one slab. */
export class FileHashes {
  readonly #running = new Map<number, Hash>();

  take(job: HashJob): { readonly sha256?: string } {
    if (job.next === 'drop') {
      this.#running.delete(job.stream);
      return {};
    }
    const hash = this.#running.get(job.stream) ?? createHash('sha256');
    this.#running.set(job.stream, hash);
    if (job.slab !== undefined) hash.update(new Uint8Array(job.slab, 0, job.length));
    if (job.next === 'more') return {};
    this.#running.delete(job.stream);
    return { sha256: hash.digest('hex') };
  }
}

export function digest(job: DigestJob): { readonly sha256: string } {
  return { sha256: createHash('sha256').update(job.bytes).update(job.tail).digest('hex') };
}
