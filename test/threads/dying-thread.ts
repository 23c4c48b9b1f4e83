/** A thread that dies when it is asked to. */
import { serve } from '../../src/threads/serve.ts';

export type DyingJobs = {
  readonly say: { readonly job: string; readonly result: string };
  readonly die: { readonly job: null; readonly result: void };
};

serve<DyingJobs>({
  say: (word) => word,
  die: () => process.exit(7),
});
