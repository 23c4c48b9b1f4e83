import { expect, test } from 'vitest';
import { stateByProofs, type ProofVerdict } from '../../src/domain/proof-state.ts';

const whole: ProofVerdict = { levels: ['L1', 'L2', 'L3'], components: [], state: 'verified' };
const quick: ProofVerdict = { levels: ['L1-presence', 'L3'], components: [], state: 'verified' };
const failed: ProofVerdict = { levels: ['L1', 'L2', 'L3'], components: ['redis'], state: 'failed' };
const opened = (...components: string[]): ProofVerdict => ({ levels: ['L4'], components, state: undefined });
const closed = (...components: string[]): ProofVerdict => ({ levels: ['L4'], components, state: 'failed' });

test.for([
  ['nothing was proven', [], undefined],
  ['verified', [whole], 'verified'],
  ['a trial of some says nothing for the whole', [opened('postgres')], undefined],
  ['a trial that failed is not lifted by a look at hashes and structure', [whole, closed('postgres')], 'failed'],
  ['nor by the trial of another', [opened('redis'), whole, closed('postgres')], 'failed'],
  ['but by its own', [opened('postgres'), whole, closed('postgres')], 'verified'],
  [
    'where a trial lifts what a trial found, the look before it counts',
    [opened('postgres'), closed('postgres'), whole],
    'verified',
  ],
  ['and nothing where there was none', [opened('postgres'), closed('postgres')], undefined],
  ['damage is not lifted by a quick look', [quick, failed], 'failed'],
  ['but by one as deep', [whole, failed], 'verified'],
  ['the newest failure counts', [failed, whole], 'failed'],
  ['a quick look that failed is lifted by a deep one', [whole, { ...quick, state: 'failed' }], 'verified'],
  [
    'where nothing is left that has a structure, hashes and sizes lift it',
    [{ levels: ['L1', 'L2'], components: [], state: 'verified' }, failed],
    'verified',
  ],
  ['hashes alone lift nothing', [{ levels: ['L1', 'L2'], components: [], state: undefined }, failed], 'failed'],
] as const)('D2.7: %s', ([_case, newestFirst, state]) => {
  expect(stateByProofs(newestFirst)).toBe(state);
});
