import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { RetentionResult } from '../../../workflows/messages.ts';
import { failureOf, startWorkflowBench, type WorkflowBench } from '../../support/workflow-bench.ts';

let bench: WorkflowBench;
beforeAll(async () => void (bench = await startWorkflowBench()));
afterAll(async () => bench.stop());
beforeEach(() => bench.reset());

const applied = (): string[] => bench.calls.filter((call) => call.startsWith('retain '));

describe('retention', () => {
  test('`{}` changes nothing and says what would leave, of every place', async () => {
    bench.locations = ['vault'];
    const result = (await (await bench.start('retention', {})).result()) as RetentionResult;
    expect(result.state).toBe('planned');
    expect(result.places).toMatchObject([
      { place: 'repository', plan: { remove: ['20261001_020000'] }, collected: null, problem: '' },
      { place: 'vault', plan: { remove: ['20261001_020000'] }, collected: null, problem: '' },
    ]);
    expect(applied()).toEqual([]);
    expect(bench.reports).toMatchObject([{ type: 'retention', report: { state: 'planned' } }]);
    expect(bench.messages).toEqual([]);
  });

  test('applied under the lock, place after place', async () => {
    bench.locations = ['vault'];
    const result = (await (await bench.start('retention', { apply: true })).result()) as RetentionResult;
    expect(result).toMatchObject({
      state: 'done',
      places: [{ collected: { expired: 1 } }, { collected: { expired: 1 } }],
    });
    expect(applied()).toEqual(['retain  up to 0.2', 'retain vault up to 0.2']);
  });

  test('a place that refuses is left as it is and told; the others go on', async () => {
    bench.locations = ['vault'];
    bench.refusals = { '': '9 of 10 recovery points would leave' };
    expect(await failureOf(await bench.start('retention', { apply: true }))).toMatchObject({
      type: 'Precondition',
      message: 'repository: 9 of 10 recovery points would leave',
    });
    expect(applied()).toEqual(['retain vault up to 0.2']);
    await expect
      .poll(() => bench.messages)
      .toEqual([expect.stringContaining('Retention of wazuh failed: repository: 9 of 10')]);
  });

  test('D2.4: a forecast beyond the capacity is told', async () => {
    bench.alarms = { '': 'will hold 600 GB, more than its 500 GB: passed in 9 d' };
    await (await bench.start('retention', { apply: true, place: 'repository' })).result();
    await expect.poll(() => bench.messages).toEqual([expect.stringContaining('wazuh: repository will hold 600 GB')]);
  });

  test('an unknown place is refused with an example', async () => {
    expect(await failureOf(await bench.start('retention', { place: 'nas' }))).toMatchObject({
      type: 'InputInvalid',
      message: expect.stringContaining('{"place":"repository"}') as string,
    });
  });
});
