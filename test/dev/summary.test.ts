import { expect, test } from 'vitest';
import { parseConfiguration } from '../../src/config/load.ts';
import { parseDemoOptions } from '../../src/dev/demo/options.ts';
import type { Story } from '../../src/dev/demo/story.ts';
import { measure, summaryText } from '../../src/dev/demo/summary.ts';
import type { StepReport } from '../../workflows/messages.ts';

const { appliance } = parseConfiguration(
  `appliance: lean
state: /var/lib/lean
repository: { path: /srv/backups, encryption: none }
components: { data: { kind: files, paths: [/srv/data] } }`,
  'lifeboat.yaml',
);
const failure = new Error('object packs/aa/bb does not authenticate');
const at = (second: number): Date => new Date(Date.UTC(2026, 0, 1, 0, 0, second));
const sealed = {
  state: 'sealed' as const,
  id: '20260101_000000',
  bytes: 10,
  storedBytes: 5,
  seconds: 2,
  lateSeconds: 0,
  text: '',
};
const backup = {
  workflowId: 'fullBackup/lean-1',
  startedAt: at(0),
  endedAt: at(2),
  result: sealed,
  steps: [],
} as const;
const step = (id: string, state: StepReport['state']): StepReport => ({ id, state, seconds: 1 });

test('a demo that broke off before its backup tells why and how to look, and no part that it did not reach', () => {
  const story: Story = { probes: [], failure };
  const result = measure(story, appliance);
  expect(JSON.parse(JSON.stringify(result))).toEqual({ ok: false, error: failure.message, probes: [] });
  expect(summaryText(result, story, appliance, '/var/tmp/state').split('\n')).toEqual([
    '',
    '== RESULT: NOT RESTORED',
    '   look at it again:',
    '     npm run demo -- --open /var/tmp/state',
  ]);
});

test('a demo whose restore failed tells its backup, the steps of the restore, and both runs', () => {
  const steps = [step('verify', 'done'), step('stage:data', 'failed'), step('swap:data', 'waiting')];
  const restore = { workflowId: 'restore/lean/1', startedAt: at(5), endedAt: at(9), steps };
  const story: Story = { backup, disasterAt: at(4), restore, probes: [], failure };
  const result = measure(story, appliance);
  expect(JSON.parse(JSON.stringify(result))).toEqual({
    ok: false,
    error: failure.message,
    backup: { id: '20260101_000000', bytes: 10, storedBytes: 5, seconds: 2 },
    restore: {
      id: 'restore/lean/1',
      seconds: 4,
      steps: steps.map(({ id, seconds, state }) => ({ id, seconds, state })),
    },
    probes: [],
  });
  const text = summaryText(result, story, appliance, '/var/tmp/state');
  expect(text).toContain('   restore  4.0 s; FAILED in stage:data\n');
  expect(text.match(/^ {5}http\S+$/gm)).toHaveLength(2);
});

test('a demo that fails after its restore keeps the RTO, and is not ok although every probe held', () => {
  const committed = { state: 'committed', seconds: 3, steps: [step('verify', 'done')] } as unknown as NonNullable<
    NonNullable<Story['restore']>['result']
  >;
  const restore = { workflowId: 'restore/lean/1', startedAt: at(5), endedAt: at(9), result: committed, steps: [] };
  const probes = [{ component: 'data', name: 'file a', expected: '1', actual: '1', ok: true }];
  const story: Story = { backup, disasterAt: at(4), restore, probes, failure };
  const result = measure(story, appliance);
  expect(result).toMatchObject({ ok: false, rto: { fromDisasterSeconds: 5, fromStartSeconds: 3 } });
  expect(result.rpo).toBeUndefined();
  expect(summaryText(result, story, appliance, '/x')).toContain('== RESULT: restored, but NOT PROVEN\n');
});

test('a demo in which something was spoiled is restored and not proven, and names what does not hold', () => {
  expect(parseDemoOptions(['--sabotage', 'row,key']).sabotage).toEqual(['row', 'key']);
  const committed = { state: 'committed', seconds: 3, steps: [step('verify', 'done')] } as unknown as NonNullable<
    NonNullable<Story['restore']>['result']
  >;
  const restore = { workflowId: 'restore/lean/1', startedAt: at(5), endedAt: at(9), result: committed, steps: [] };
  const probe = { component: 'data', name: 'file a', expected: '1', actual: '1', ok: true };
  const story: Story = { backup, disasterAt: at(4), restore, probes: [probe, { ...probe, actual: '2', ok: false }] };
  const result = measure(story, appliance);
  expect(result).toMatchObject({ ok: false });
  const text = summaryText(result, story, appliance, '/x');
  expect(text).toContain('== RESULT: restored, but NOT PROVEN\n');
  expect(text).toContain('   proof    1 of 2 probes FAILED\n   FAILED   data/file a: expected 1, actual 2\n');
});
