/** Entry of the thread of `dump-work.ts`. */
import { serve } from '../../threads/serve.ts';
import { ExpectedSnapshot } from './compare-snapshots.ts';
import type { DumpJobs, Reply } from './dump-work.ts';
import { RdbError } from './rdb-steps.ts';

let expected: ExpectedSnapshot | undefined;

serve<DumpJobs>({
  hold: ({ dump, keys }) =>
    readable(() => {
      expected = new ExpectedSnapshot(dump, keys);
      return expected.summary;
    }),
  compare: ({ dump, at }) =>
    readable(() => {
      if (expected === undefined) throw new Error('nothing to compare with');
      return expected.compare(dump, at);
    }),
});

function readable<T>(read: () => T): Reply<T> {
  try {
    return { result: read() };
  } catch (error) {
    if (error instanceof RdbError) return { unreadable: { kind: error.kind, message: error.message } };
    throw error;
  }
}
