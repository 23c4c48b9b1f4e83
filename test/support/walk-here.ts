/** The walk of a tree in the test's own thread, one entry at a time, so that a test can come between. */
import { createHash } from 'node:crypto';
import { readOwnersSync } from '../../src/drivers/files/owners.ts';
import { describeStep, identityOf, walk } from '../../src/drivers/files/walk.ts';
import type { WalkTree } from '../../src/drivers/tree/tree-threads.ts';

export const walkHere: WalkTree = async function* (options) {
  const hash = createHash('sha256');
  const owners = readOwnersSync();
  for (const step of walk(options)) {
    hash.update(identityOf(step), 'latin1');
    yield [describeStep(step, owners)];
  }
  return hash.digest('hex');
};
