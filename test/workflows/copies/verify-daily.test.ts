import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { VerifyDailyResult } from '../../../workflows/messages.ts';
import { failureOf, refuse, startWorkflowBench, type WorkflowBench } from '../../support/workflow-bench.ts';

let bench: WorkflowBench;
beforeAll(async () => void (bench = await startWorkflowBench()));
afterAll(async () => bench.stop());
beforeEach(() => bench.reset());

describe('verifyDaily', () => {
  test('D4.5: looks at the newest recovery point of every place and says nothing while all is well', async () => {
    bench.locations = ['vault'];
    const result = (await (await bench.start('verifyDaily', {})).result()) as VerifyDailyResult;
    expect(result.places.map(({ place, id, problem }) => [place, id, problem])).toEqual([
      ['repository', '20261122_020000', ''],
      ['vault', '20261122_020000', ''],
    ]);
    expect(bench.reports).toMatchObject([{ type: 'verifyDaily', report: { state: 'verified' } }]);
    expect(bench.messages).toEqual([]);
  });

  test('D4.5: a failed one posts the guide\u2019s own words, and then what is wrong and where', async () => {
    bench.locations = ['vault'];
    bench.places = { vault: { ok: false, problems: ['redis: object packs/aa/bb: ObjectMissing'] } };
    expect(await failureOf(await bench.start('verifyDaily', {}))).toMatchObject({ type: 'ObjectCorrupt' });
    await expect
      .poll(() => [...bench.messages].sort())
      .toEqual([
        'Backup validation failed for 20261122_020000',
        expect.stringContaining('wazuh, vault: redis: object packs/aa/bb: ObjectMissing'),
      ]);
  });

  test('D4.5: no manifest is a failure that alerts', async () => {
    bench.places = { '': { id: null, ok: false, problems: ['No backup manifest found'] } };
    await failureOf(await bench.start('verifyDaily', {}));
    await expect.poll(() => bench.messages).toContain('No backup manifest found');
  });

  test('D4.5: a place that was emptied, or was never filled, holds no manifest either', async () => {
    bench.locations = ['vault'];
    bench.behave = (call) => {
      if (call === 'verify vault') refuse('RepositoryMissing', 'there is no repository');
    };
    await failureOf(await bench.start('verifyDaily', {}));
    await expect.poll(() => bench.messages).toContain('No backup manifest found');
  });

  test('a place that does not answer is told, and the others are looked at', async () => {
    bench.locations = ['vault', 'nas'];
    bench.behave = (call) => {
      if (call === 'verify vault') refuse('AuthFailed', 'the credentials were revoked');
    };
    await failureOf(await bench.start('verifyDaily', {}));
    expect(bench.calls.filter((call) => call.startsWith('verify '))).toEqual(['verify ', 'verify vault', 'verify nas']);
    await expect
      .poll(() => bench.messages)
      .toEqual([expect.stringContaining('vault: AuthFailed: the credentials were revoked')]);
  });
});
