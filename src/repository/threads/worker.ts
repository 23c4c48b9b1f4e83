/** Entry of a thread that seals and opens frames. */
import { workerData } from 'node:worker_threads';
import { serve } from '../../threads/serve.ts';
import { Opener, Sealer } from '../frame.ts';
import type { Secrets } from '../secrets.ts';
import { FileHashes, digest } from './hash-job.ts';
import type { JobKinds } from './jobs.ts';
import { restoreChunk, restoreFiles } from './restore-job.ts';
import { seal } from './seal-job.ts';
import { sealListed } from './seal-listed-job.ts';
import { verify } from './verify-job.ts';

const { secrets } = workerData as { readonly secrets: Secrets | undefined };
const sealer = new Sealer(secrets);
const opener = new Opener(secrets);
const hashes = new FileHashes();

serve<JobKinds>({
  seal: (job) => seal(job, sealer),
  sealListed: (job) => sealListed(job, sealer),
  hash: (job) => hashes.take(job),
  digest,
  verify: (job) => verify(job, opener),
  files: (job) => restoreFiles(job, opener),
  chunk: (job) => restoreChunk(job, opener),
});
