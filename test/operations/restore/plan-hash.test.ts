import { expect, test } from 'vitest';
import { planVersion, type UnhashedPlan } from '../../../src/domain/restore/types.ts';
import { hashed } from '../../../src/operations/restore/plan-hash.ts';

const plan: UnhashedPlan = {
  version: planVersion,
  appliance: 'wazuh',
  backupId: '20261122_020000',
  components: [
    {
      id: 'vectors',
      kind: 'vectorstore',
      bytes: 1e6,
      backupId: '20261122_020000',
      moment: '2026-11-22T02:00:10.000Z',
      lossSeconds: 3600,
      target: { path: '/srv/vectors', device: '8:1' },
    },
  ],
  stops: ['app'],
  steps: [
    {
      id: 'stop:app',
      kind: 'stop',
      branch: 'core',
      subject: 'app',
      queue: { role: 'platform', host: 'main' },
      after: [],
      phase: 'before-pivot',
      onFailure: 'unwind',
      estimateSeconds: 4,
    },
  ],
  keepNew: false,
  replaceDamaged: false,
  disks: [{ device: '8:1', path: '/srv', needBytes: 1e6, freeBytes: 1e9 }],
  skewSeconds: 3,
  bytes: 1e6,
  estimateSeconds: 4,
  p90Seconds: 5,
  criticalPath: ['stop:app'],
  estimatedFrom: 0,
};

const [component, [step]] = [plan.components[0]!, plan.steps];
const withComponent = (changes: object): Partial<UnhashedPlan> => ({ components: [{ ...component, ...changes }] });

test.for<[string, Partial<UnhashedPlan>]>([
  ['another recovery point', { backupId: '20261122_030000' }],
  ['another appliance', { foreign: 'other' }],
  ['a component less', { components: [] }],
  ['a component of another recovery point', withComponent({ backupId: '20261121_020000' })],
  ['another moment', withComponent({ moment: '2026-11-22T02:00:11.000Z' })],
  ['a target in another place', withComponent({ target: { path: '/mnt/vectors', device: '8:1' } })],
  ['a target on another device', withComponent({ target: { path: '/srv/vectors', device: '8:2' } })],
  ['a note', withComponent({ notes: ['links do not come back'] })],
  ['a component that is not held', { notHeld: ['models'] }],
  ['a newer recovery point that is passed over', { passedOver: ['20261122_030000: suspect'] }],
  ['something built anew', { rebuilds: ['vectors'] }],
  ['another service that stops', { stops: ['app', 'nginx'] }],
  ['a step on another host', { steps: [{ ...step!, queue: { role: 'platform', host: 'second' } }] }],
  [
    'a step with a gate',
    { steps: [{ ...step!, gate: { question: 'now?', deadlineSeconds: 60, byDefault: 'reject' } }] },
  ],
  ['keepNew', { keepNew: true }],
  ['replaceDamaged', { replaceDamaged: true }],
])('another hash: %s', ([, changes]) => {
  expect(hashed({ ...plan, ...changes }).hash).not.toBe(hashed(plan).hash);
});

test.for<[string, Partial<UnhashedPlan>]>([
  ['bytes, which a component being written changes', { bytes: 2e6, ...withComponent({ bytes: 2e6 }) }],
  ['the age of what comes back', withComponent({ lossSeconds: 3700 })],
  ['free space', { disks: [{ ...plan.disks[0]!, freeBytes: 2e9 }] }],
  ['estimates', { estimateSeconds: 9, p90Seconds: 9, estimatedFrom: 5, steps: [{ ...step!, estimateSeconds: 9 }] }],
  ['skew', { skewSeconds: 9 }],
])('the same hash: %s', ([, changes]) => {
  expect(hashed({ ...plan, ...changes }).hash).toBe(hashed(plan).hash);
});
