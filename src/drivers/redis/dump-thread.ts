/** Entry of the thread of `dump-work.ts`: one piece of work, one reply. */
import { parentPort, workerData } from 'node:worker_threads';
import { compareSnapshots, readDump } from './compare-snapshots.ts';
import type { DumpReply, DumpWork } from './dump-work.ts';
import { RdbError } from './rdb-steps.ts';

parentPort?.postMessage(perform(workerData as DumpWork));

function perform(work: DumpWork): DumpReply {
  try {
    return { kind: 'done', result: work.kind === 'read' ? readDump(work.dump) : compareSnapshots(work.snapshots) };
  } catch (error) {
    if (error instanceof RdbError) return { kind: 'unreadable', what: error.kind, message: error.message };
    throw error;
  }
}
