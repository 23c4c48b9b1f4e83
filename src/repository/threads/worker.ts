/** Entry of a worker thread: one job after the other, synchronously. */
import { parentPort, workerData } from 'node:worker_threads';
import { Opener, Sealer } from '../frame.ts';
import type { Secrets } from '../secrets.ts';
import { FileHashes, digest } from './hash-job.ts';
import type { JobKind, JobOf } from './jobs.ts';
import { restoreChunk, restoreFiles } from './restore-job.ts';
import { seal } from './seal-job.ts';
import { verify } from './verify-job.ts';
import { toThreadError } from './thread-error.ts';

type Message = { [K in JobKind]: { readonly number: number; readonly kind: K; readonly job: JobOf<K> } }[JobKind];

const { secrets } = workerData as { readonly secrets: Secrets | undefined };
const sealer = new Sealer(secrets);
const opener = new Opener(secrets);
const hashes = new FileHashes();

parentPort?.on('message', (message: Message) => {
  try {
    parentPort?.postMessage({ number: message.number, result: perform(message) });
  } catch (error) {
    parentPort?.postMessage({ number: message.number, error: toThreadError(error) });
  }
});

function perform(message: Message): unknown {
  switch (message.kind) {
    case 'seal':
      return seal(message.job, sealer);
    case 'hash':
      return hashes.take(message.job);
    case 'digest':
      return digest(message.job);
    case 'verify':
      return verify(message.job, opener);
    case 'files':
      return restoreFiles(message.job, opener);
    case 'chunk':
      return restoreChunk(message.job, opener);
  }
}
