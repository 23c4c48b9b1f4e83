import { describe, expect, test } from 'vitest';
import { undoText } from '../../../src/cli/output/plan.ts';
import { parseConfiguration } from '../../../src/config/load.ts';
import type { Steered } from '../../../src/operations/restore/make-plan.ts';
import { makeUndoPlan, type KeptView } from '../../../src/operations/restore/undo.ts';
import { createProcessPlatform } from '../../../src/platform/process/process-platform.ts';

const now = new Date('2026-11-28T12:00:00Z');

const applianceOf = (temporal = '') =>
  parseConfiguration(
    `appliance: shop
repository: {path: /b, encryption: none}
${temporal}
services:
  db: {start: [a], stop: [b], isRunning: [c]}
  temporal: {dependsOn: [db], start: [a], stop: [b], isRunning: [c]}
  app: {dependsOn: [db], start: [a], stop: [b], isRunning: [c]}
components:
  data: {kind: files, paths: [/srv/data], services: [db]}
  settings: {kind: files, tier: configuration, paths: [/srv/etc], services: [app]}
`,
    'f',
  ).appliance;

const kept = (component: string, lockStart: string, problem = ''): KeptView => ({
  component,
  of: { runId: `run of ${lockStart}`, lockStart },
  bytes: 7,
  problem,
});
const steered = (more?: string): Steered => {
  const appliance = applianceOf(more);
  return { appliance, platform: createProcessPlatform(appliance.services) };
};
const older = '2026-11-27T02:00:00.000Z';
const newer = '2026-11-28T02:00:00.000Z';

describe('the plan that undoes a committed restore', () => {
  test('takes the components of the newest one, and stops what stands on them', async () => {
    const plan = await makeUndoPlan(steered(), [kept('data', older), kept('settings', newer)], [], {
      now: now,
      keepNew: false,
    });
    expect(plan).toMatchObject({ undoes: { lockStart: newer }, stops: ['app'], bytes: 7 });
    expect(plan.steps.map(({ id, after }) => [id, after])).toEqual([
      ['stop:app', []],
      ['put-back:settings', ['stop:app']],
      ['start:app', ['stop:app', 'put-back:settings']],
      ['health', ['put-back:settings', 'start:app']],
    ]);
    expect(plan.components).toEqual([{ id: 'settings', kind: 'files', bytes: 7, moment: newer, lossSeconds: 36_000 }]);
  });

  test('says in the place of what nothing will stand, because nothing was there', async () => {
    const leaves = /leaves +NOTHING in the place of settings: no data was there before/;
    const planOf = async (bytes: number) =>
      undoText(
        await makeUndoPlan(steered(), [{ ...kept('settings', newer), bytes }], [], { now: now, keepNew: false }),
      );
    expect(await planOf(0)).toMatch(leaves);
    expect(await planOf(7)).not.toMatch(leaves);
  });

  test('a chosen component of an older restore is taken by itself', async () => {
    const plan = await makeUndoPlan(steered(), [kept('data', older), kept('settings', newer)], ['data'], {
      now: now,
      keepNew: false,
    });
    expect(plan).toMatchObject({ undoes: { lockStart: older }, stops: ['app', 'temporal', 'db'] });
  });

  test.each([
    ['nothing was restored', [], [], 'NotFound', /nothing to undo/],
    [
      'chosen ones are of two restores',
      [kept('data', older), kept('settings', newer)],
      ['data', 'settings'],
      'Precondition',
      /did not restore data/,
    ],
    [
      'the old data is gone',
      [kept('data', older, 'the old data `/x` of `/y` is gone')],
      [],
      'Precondition',
      /`\/x` .* is gone/,
    ],
  ] as const)('refused where %s', async (_what, views, chosen, code, message) => {
    await expect(makeUndoPlan(steered(), views, chosen, { now: now, keepNew: false })).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message) as string,
    });
  });

  test('a run never stops the server that runs it', async () => {
    const own = steered('temporal: {service: temporal}');
    await expect(makeUndoPlan(own, [kept('data', newer)], [], { now: now, keepNew: false })).rejects.toMatchObject({
      code: 'Precondition',
      hint: expect.stringContaining('--standalone') as string,
    });
    expect(await makeUndoPlan(own, [kept('settings', newer)], [], { now: now, keepNew: false })).toMatchObject({
      stops: ['app'],
    });
  });
});
