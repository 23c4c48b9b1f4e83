/** Entry of a thread that looks at trees. */
import { createHash, type Hash } from 'node:crypto';
import { serve } from '../../../threads/serve.ts';
import { compareEntries } from '../../folder/compare-entries.ts';
import { readOwnersSync, type Owners } from '../../files/owners.ts';
import { encodeFound } from '../found-text.ts';
import { syncTreeSync } from '../sync-tree.ts';
import { treeBytesSync } from '../tree-bytes.ts';
import { describeStep, identityOf, walk, type Step } from '../../files/walk.ts';
import type { TreeJobs, WalkJob, WalkResult } from './jobs.ts';

/** Entries that are handed over at once. */
const entriesAtOnce = 1000;

interface Walk {
  readonly steps: Generator<Step, void>;
  readonly hash: Hash;
  readonly owners: Owners;
}

const walks = new Map<number, Walk>();

serve<TreeJobs>({
  walk: walkOn,
  endWalk: ({ walk: number }) => void walks.delete(number),
  bytes: ({ path }) => treeBytesSync(path),
  sync: ({ path }) => syncTreeSync(path),
  compare: compareEntries,
});

function walkOn({ walk: number, options, fingerprintOnly }: WalkJob): WalkResult {
  if (options !== undefined)
    walks.set(number, { steps: walk(options), hash: createHash('sha256'), owners: readOwnersSync() });
  const known = walks.get(number);
  if (known === undefined) throw new Error(`there is no walk ${number}`);
  const { steps, hash, owners } = known;
  const found: string[] = [];
  let identities = '';
  for (let count = 0; count < entriesAtOnce; count += 1) {
    const next = steps.next();
    if (next.done === true) {
      walks.delete(number);
      hash.update(identities, 'latin1');
      return { found: found.join('\n'), fingerprint: hash.digest('hex') };
    }
    identities += identityOf(next.value);
    if (!fingerprintOnly) found.push(encodeFound(describeStep(next.value, owners)));
  }
  hash.update(identities, 'latin1');
  return { found: found.join('\n') };
}
