/**
 * What people may send to a workflow in the Temporal UI, and to a run: everything. The cases follow from the schemas, so that
 * a new workflow cannot be forgotten. All refused runs of a
 * type are under way at once: each of them ends with its first activity.
 */
import type { WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import * as workflows from '../../workflows/index.ts';
import { unreadablePayloads } from '../support/encoded-payload.ts';
import { workflowTypes, wrongShapes, wrongValues } from '../support/refused-inputs.ts';
import { benchAppliance, failureOf, startWorkflowBench, type WorkflowBench } from '../support/workflow-bench.ts';

let bench: WorkflowBench;
beforeAll(async () => void (bench = await startWorkflowBench()));
afterAll(async () => bench.stop());
beforeEach(() => bench.reset());

const settings = { id: 'settings', kind: 'files', host: 'main', tier: 'configuration' } as const;

test('every workflow has a schema', () => {
  expect(workflowTypes.toSorted()).toEqual(Object.keys(workflows).toSorted());
});

test.each(workflowTypes)('%s refuses what it does not take, says why, and does nothing', async (type) => {
  // Each key is tried in test/inputs: here are some. An input is checked in an activity or, as that of `lock`, in the run.
  const unreadable = ['restore', 'lock'].includes(type) ? unreadablePayloads : unreadablePayloads.slice(0, 2);
  const own = [
    ...wrongShapes(type),
    ...unreadable.map(({ payload, told }) => ({ input: payload, told })),
    ...wrongValues(type)
      .flatMap(([nearest]) => nearest ?? [])
      .slice(0, 10),
  ];
  const handles = await Promise.all(own.map(async ({ input }) => bench.start(type, input)));
  const ends = await Promise.all(
    handles.map(async (handle) => ({ failure: await failureOf(handle), done: await doneBy(handle) })),
  );
  const checked = type === 'lock' || type === 'notification' ? [] : ['activity describeAppliance'];
  for (const [at, { input, told }] of own.entries())
    expect(ends[at], JSON.stringify(input)).toEqual({
      failure: { type: 'InputInvalid', message: expect.stringContaining(told) as string },
      done: checked,
    });
  for (const { failure } of ends)
    expect(failure.message).toMatch(/^`\w+` does not take this input: .*\. Nothing was done\. Example: \{.*\}$/);
  expect([...bench.calls, ...bench.reports, ...bench.messages]).toEqual([]);
});

test.each([
  ['no input at all', undefined],
  ['`null`', null],
])('%s is taken by each of them, as `{}`', async (_what, input) => {
  bench.components = [...benchAppliance.components, settings];
  const ends = await Promise.all(
    workflowTypes.map(async (type) => {
      const handle = await bench.start(type, input);
      await expect.poll(async () => goesOn(handle)).toBe(true);
      // What it would do next is for its own tests.
      await handle.cancel().catch(() => undefined);
      const failure = await handle.result().then(
        () => undefined,
        async () => failureOf(handle),
      );
      return { type, failure: failure?.message ?? '', failed: (await doneBy(handle)).filter(isFailedTask) };
    }),
  );
  for (const { type, failure, failed } of ends) {
    expect(failed, type).toEqual([]);
    expect(failure, type).not.toContain('does not take this input');
  }
});

test('a `restore` of `null` ends with its plan, and a `retention` with its list', async () => {
  const [restored, retained] = await Promise.all(
    ['restore', 'retention'].map(async (type) => (await bench.start(type, null)).result()),
  );
  expect([restored, retained]).toMatchObject([{ state: 'planned' }, { state: 'planned' }]);
});

test.each(['restore', 'lock'])('`%s` refuses two inputs: what the second limits would not be limited', async (type) => {
  const { taskQueue } = bench;
  const args = [{}, { components: ['redis'] }];
  const handle = await bench.client.workflow.start(type, { workflowId: `${type}/wazuh/two`, taskQueue, args });
  expect(await failureOf(handle)).toEqual({
    type: 'InputInvalid',
    message: expect.stringContaining(
      `\`${type}\` does not take this input: it is one input, and 2 were given.`,
    ) as string,
  });
});

test('what a schedule sends and its workflow refuses is told to people: nobody watches such a run', async () => {
  const { schedule } = bench.client;
  const scheduleId = `backup-full/wazuh-${Math.random()}`;
  const { taskQueue } = bench;
  const action = {
    type: 'startWorkflow',
    workflowType: 'fullBackup',
    taskQueue,
    args: [{ component: ['redis'] }],
  } as const;
  const handle = await schedule.create({ scheduleId, spec: {}, state: { paused: true }, action });
  try {
    await handle.trigger();
    await expect
      .poll(() => bench.messages)
      .toEqual([expect.stringMatching(/^The schedule backup-full\/wazuh-\S+ starts nothing: .* `components`\?/)]);
    expect(bench.calls).toEqual([]);
  } finally {
    await handle.delete();
  }
});

async function eventsOf(handle: WorkflowHandle) {
  return (await handle.fetchHistory()).events ?? [];
}

const failedTask = 'failed task: ';
const isFailedTask = (done: string): boolean => done.startsWith(failedTask);

/** All that a run asked for, in words, and its tasks that failed. */
async function doneBy(handle: WorkflowHandle): Promise<string[]> {
  return (await eventsOf(handle)).flatMap((event) => {
    const { activityTaskScheduledEventAttributes: activity, workflowTaskFailedEventAttributes: failed } = event;
    // The server lets a task be done again when something arrives while it is.
    if (failed)
      return failed.failure?.message === 'UnhandledCommand' ? [] : [`${failedTask}${failed.failure?.message}`];
    if (activity) return [`activity ${activity.activityType?.name}`];
    if (event.startChildWorkflowExecutionInitiatedEventAttributes) return ['child'];
    return event.timerStartedEventAttributes ? ['timer'] : [];
  });
}

/** Whether it got beyond the check of its input, or failed to; `lock` and `notification` check in their first task. */
async function goesOn(handle: WorkflowHandle): Promise<boolean> {
  const events = await eventsOf(handle);
  const asks = events.some((event) => event.activityTaskScheduledEventAttributes);
  const tasks = events.filter(
    (event) => event.workflowTaskCompletedEventAttributes ?? event.workflowTaskFailedEventAttributes,
  );
  return tasks.length > (asks ? 1 : 0);
}
