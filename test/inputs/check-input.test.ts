import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import { describe, expect, test } from 'vitest';
import { desiredSchedules } from '../../schedules/desired.ts';
import { configurationTemplate } from '../../src/config/template.ts';
import { parseConfiguration } from '../../src/config/load.ts';
import { textProblems } from '../../src/domain/text-inputs.ts';
import { checkInput } from '../../src/inputs/check-input.ts';
import { workflowInputs, type WorkflowInput } from '../../src/inputs/workflow-inputs.ts';
import type { WorkflowType } from '../../src/domain/workflow-types.ts';
import { readHistories } from '../histories/stored.ts';
import { keysOf, misspell, workflowTypes, wrongShapes, wrongValues } from '../support/refused-inputs.ts';

const { appliance } = parseConfiguration(
  configurationTemplate({
    appliance: 'wazuh',
    repository: '/backups',
    keyFile: '/etc/lifeboat/key',
    state: '/var/lib/lifeboat',
  }),
  'lifeboat.yaml',
);
const check = (type: WorkflowType, input: unknown): unknown => checkInput(type, input, appliance);

function refusal(type: WorkflowType, input: unknown): string {
  try {
    check(type, input);
  } catch (error) {
    expect(error).toMatchObject({ code: 'InputInvalid' });
    return (error as Error).message;
  }
  throw new Error(`\`${type}\` takes ${JSON.stringify(input)}`);
}

describe.each(workflowTypes)('%s', (type) => {
  test('refuses each wrong shape and each wrong value of each key', () => {
    for (const { input, told } of [...wrongShapes(type), ...wrongValues(type).flat()])
      expect(refusal(type, input)).toContain(told);
  });

  test('names the key that a misspelt one was meant to be', () => {
    for (const key of keysOf(type))
      for (const written of [misspell(key), `${key}s`, key.toUpperCase(), `_${key}`])
        expect(refusal(type, { [written]: 'x' })).toContain(`unknown key \`${written}\` (did you mean \`${key}\`?)`);
  });

  test('takes nothing at all, `null`, `{}`, and the example that it shows', () => {
    for (const nothing of [undefined, null, {}]) expect(check(type, nothing)).toEqual({});
    const shown: unknown = JSON.parse(/Example: (.*)$/.exec(refusal(type, 5))?.[1] ?? '');
    expect(check(type, shown)).toEqual(shown);
  });
});

test.each(['lock', 'notification'] as const)('`%s` refuses by hand what its schema refuses', (type) => {
  for (const { input } of [...wrongShapes(type), ...wrongValues(type).flat()])
    for (const problem of textProblems(type, input)) expect(refusal(type, input)).toContain(problem);
  const wrong = [...wrongShapes(type), ...wrongValues(type).flat()].map(
    ({ input }) => textProblems(type, input).length,
  );
  expect(wrong.every((count) => count > 0)).toBe(true);
});

describe('restore', () => {
  test('a letter that is missing does not restore everything', () => {
    expect(refusal('restore', { confirm: 'wazuh', component: ['files'] })).toBe(
      '`restore` does not take this input: unknown key `component` (did you mean `components`?). Nothing was done. Example: {"at":"latest","components":["postgres"],"reason":"a disk died"}',
    );
  });

  test('tells all problems at once, with the values', () => {
    const input = { components: 'files', toTime: 'yesterday', toLsn: '5', timeline: 1.5, maxShare: 1 };
    expect(refusal('restore', input)).toContain(
      '`toTime` must be an ISO 8601 time with its zone (`2026-11-22T03:00:00Z`), not the text `yesterday`; `toLsn` must be a WAL position (`0/3000148`), not the text `5`; `timeline` must be a whole number from 1, not the number 1.5; `components` must be a list of component ids, not the text `files`; unknown key `maxShare` (known are ',
    );
  });

  test('a value or a key without end does not make a message without end', () => {
    // Temporal takes 2 MiB.
    const long = 'x'.repeat(1000);
    const many = Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`${long}${index}`, 1]));
    expect(refusal('restore', { confirm: [long], ...many }).length).toBeLessThan(4000);
  });

  test.each([
    { at: 'latest' },
    { from: 's3' },
    { toLatest: true },
    { toTime: '2026-11-22T03:00:00Z' },
    { rebuild: ['a'] },
  ])('an undo brings back what was there: %j beside it is refused', (choice) => {
    const [key] = Object.keys(choice);
    expect(refusal('restore', { undo: true, ...choice })).toContain(`\`${key}\` cannot be given with it`);
    expect(check('restore', { undo: false, ...choice })).toEqual({ undo: false, ...choice });
  });
});

/** Schedules that exist, runs that are open and states that a run hands to itself use them: one that is gone would refuse these. */
const keysForEver: Readonly<Partial<Record<WorkflowType, readonly string[]>>> = {
  fullBackup: ['components', 'requestedBy', 'reason'],
  restore:
    'at from toTime toLsn toName toLatest timeline undo components rebuild confirm stopFirst replaceDamaged keepNew disasterAt requestedBy reason'.split(
      ' ',
    ),
  rebuild: ['components', 'confirm', 'requestedBy', 'reason'],
  verifyBackup: ['at', 'components', 'quick', 'requestedBy'],
  proveBackup: ['at', 'components', 'requestedBy'],
  replicate: ['location', 'requestedBy'],
  retention: ['apply', 'place', 'maxShare', 'requestedBy', 'reason'],
  walArchive: ['component', 'repositoryId', 'isContinuous', 'failing', 'repairingSince'],
  configWatch: ['failures'],
  lock: ['holder', 'purpose'],
  notification: ['text'],
};

describe('what is under way stays understood', () => {
  test.each(workflowTypes)('%s knows the keys that it always knew', (type) => {
    expect(keysOf(type)).toEqual(expect.arrayContaining(['requestedBy', ...(keysForEver[type] ?? [])]));
  });

  test('every schedule sends what its workflow takes', () => {
    const sent = desiredSchedules(appliance).map(({ action }) => ({
      type: action.workflowType as WorkflowType,
      input: action.args?.[0] as unknown,
    }));
    expect(sent.length).toBeGreaterThan(5);
    for (const { type, input } of sent) expect(check(type, input)).toEqual(input);
  });

  test('states that an archiver hands to itself are taken', () => {
    const next = { component: 'postgres', repositoryId: 'r', isContinuous: false };
    for (const state of [
      next,
      { ...next, failing: 'WalConflict' },
      { ...next, failing: '', repairingSince: '' },
      { ...next, repairingSince: '2026-11-22T03:00:00.000Z' },
    ])
      expect(check('walArchive', state)).toEqual(state);
    expect(check('configWatch', { failures: 3 })).toEqual({ failures: 3 });
  });

  test('everything that a stored run was given, gave to a child, or handed to itself', async () => {
    const given = (await readHistories()).flatMap(({ workflow, path, history }) =>
      (history.events ?? []).flatMap((event) =>
        [
          event.workflowExecutionStartedEventAttributes,
          event.startChildWorkflowExecutionInitiatedEventAttributes,
          event.workflowExecutionContinuedAsNewEventAttributes,
        ].flatMap((each) =>
          each
            ? [{ path: `${workflow}/${path}`, type: each.workflowType?.name, payload: each.input?.payloads?.[0] }]
            : [],
        ),
      ),
    );
    expect(given.length).toBeGreaterThan(100);
    // Those that are stored because they are refused.
    for (const { path, type, payload } of given.filter((each) => !each.path.includes('refused-input'))) {
      const input: unknown = payload ? defaultPayloadConverter.fromPayload(payload as Payload) : undefined;
      expect(() => check(type as WorkflowType, input), `${path}: ${JSON.stringify(input)}`).not.toThrow();
    }
  });
});

test('an example can be sent as it is: it names what the appliance has, and changes nothing that is live', () => {
  const names = { appliance: 'a', component: 'c', database: 'd', vectorstore: 'v', location: 'l' };
  const examples = workflowTypes.map((type) => (workflowInputs[type] as WorkflowInput).example(names));
  expect(
    examples.filter((example) => 'apply' in example || ('confirm' in example && !('components' in example))),
  ).toEqual([]);
  expect(refusal('walArchive', 5)).toContain('{"component":"postgres"}');
  expect(refusal('rebuild', 5)).toContain('"confirm":"wazuh"');
});
