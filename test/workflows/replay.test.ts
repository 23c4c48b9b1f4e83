/** Runs that are under way somewhere must go on with today's workflows: every stored history replays. */
import { createRequire } from 'node:module';
import { DeterminismViolationError } from '@temporalio/workflow';
import { historyFromJSON, historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { DefaultLogger, Runtime, Worker, makeTelemetryFilterString } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { workflowBundle } from '../../workers/bundle.ts';
import * as workflows from '../../workflows/index.ts';
import { scenarios } from '../histories/scenarios.ts';
import { readHistories, type StoredHistory } from '../histories/stored.ts';
import { temporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts';

const stored = await readHistories();
let folder: TemporaryFolder;
let codePath = '';

beforeAll(async () => {
  const filter = makeTelemetryFilterString({ core: 'ERROR', other: 'ERROR' });
  Runtime.install({
    logger: new DefaultLogger('ERROR', () => {}),
    telemetryOptions: { logging: { forward: {}, filter } },
  });
  folder = await temporaryFolder('replay');
  codePath = await workflowBundle(process.env['LIFEBOAT_BUNDLES'] ?? folder.path);
});
afterAll(async () => folder.remove());

async function replay({ history, workflowId }: Pick<StoredHistory, 'history' | 'workflowId'>): Promise<void> {
  await Worker.runReplayHistory({ workflowBundle: { codePath } }, history, workflowId);
}

/** temporal.api.enums.v1.EventType of the last event. */
function endOf(path: string): number {
  if (path === 'cancelled') return 21;
  if (path === 'continued') return 28;
  return /^(?:failed|aborted|partial|damaged|refused)/.test(path) ? 3 : 2;
}

describe('stored histories', () => {
  test.each(stored)('$workflow/$path goes on with today’s workflow', replay);

  test('each workflow that can be started has one', () => {
    const recorded = new Set(stored.map(({ workflow }) => workflow));
    expect([...recorded].toSorted()).toEqual(Object.keys(workflows).toSorted());
  });

  test('none outlived its scenario', () => {
    const walked = new Set(scenarios.map(({ workflow, path }) => `${workflow}/${path}`));
    expect(stored.map(({ workflow, path }) => `${workflow}/${path}`).filter((each) => !walked.has(each))).toEqual([]);
  });

  test('the paths that matter are among them, and each ended as its name says', () => {
    const paths = stored.map(({ workflow, path }) => `${workflow}/${path}`);
    expect(paths).toEqual(
      expect.arrayContaining([
        ...['planned', 'committed', 'failed-and-undone', 'aborted', 'paused-and-resumed'].map(
          (path) => `restore/${path}`,
        ),
        ...['committed-approved', 'planned-unanswered', 'planned-asked-again', 'aborted-before-its-gate'].map(
          (path) => `restore/${path}`,
        ),
        ...['sealed', 'partial', 'skipped', 'late'].map((path) => `fullBackup/${path}`),
        'verifyBackup/verified',
        'verifyBackup/damaged',
      ]),
    );
    for (const { workflow, path, history } of stored) {
      const { eventType } = history.events?.at(-1) ?? {};
      expect([workflow, path, eventType]).toEqual([workflow, path, endOf(path)]);
    }
  });
});

describe('the replay itself', () => {
  const committed = stored.find(({ workflow, path }) => workflow === 'restore' && path === 'committed');

  /** The history as it would be, had the workflow then called something else. */
  function doctored(from: string, to: string): Pick<StoredHistory, 'history' | 'workflowId'> {
    if (committed === undefined) throw new Error('restore/committed is not stored');
    const text = historyToJSON(committed.history);
    expect(text).toContain(from);
    return { history: historyFromJSON(JSON.parse(text.replaceAll(from, to))), workflowId: committed.workflowId };
  }

  test.each([
    ['another activity', '"swapComponent"', '"exchangeComponent"'],
    ['another child', '"lock"', '"latch"'],
  ])('notices a run that did otherwise: %s', async (_what, from, to) => {
    await expect(replay(doctored(from, to))).rejects.toBeInstanceOf(DeterminismViolationError);
  });

  test('all parts of the SDK share one protobufjs 8: with several, histories cannot be read', () => {
    const here = createRequire(import.meta.url);
    const parts = ['client', 'common', 'proto', 'worker', 'testing'].map((part) => `@temporalio/${part}`);
    const found = parts.map((part) => createRequire(here.resolve(part)).resolve('protobufjs'));
    expect(new Set(found).size).toBe(1);
    expect(here('protobufjs/package.json')).toMatchObject({ version: expect.stringMatching(/^8\./) as string });
    expect(found[0]).toBe(here.resolve('protobufjs'));
  });
});
