/** Every path of every workflow that is worth a stored history, and how it is walked on the bench. */
import { ScheduleOverlapPolicy, type WorkflowHandle } from '@temporalio/client';
import { expect } from 'vitest';
import { messageNames } from '../../workflows/message-names.ts';
import type { Question } from '../../src/domain/plan/question.ts';
import {
  abortUpdate,
  decideUpdate,
  pauseUpdate,
  progressQuery,
  resumeUpdate,
  type RestoreResult,
} from '../../workflows/messages.ts';
import { benchAppliance, failureOf, refuse, type WorkflowBench } from '../support/workflow-bench.ts';

export interface Run {
  readonly workflowId: string;
  readonly runId?: string;
}

export interface Scenario {
  readonly workflow: string;
  readonly path: string;
  /** Returns the run whose history is stored, after everything that it started has ended. */
  readonly walk: (bench: WorkflowBench) => Promise<Run>;
}

const confirmed = { confirm: 'wazuh', requestedBy: 'recorder', reason: 'recorded' };
const tiered = [
  ...benchAppliance.components,
  { id: 'settings', kind: 'files', host: 'main', tier: 'configuration' },
  { id: 'metrics', kind: 'files', host: 'main', tier: 'monitoring' },
] as const;
const oneComponent = { ...confirmed, components: ['redis'] };
const buildVectors = { confirm: 'wazuh', components: ['vectors'] };
const asking = { components: ['redis'], requestedBy: 'recorder', waitForApproval: true };

export const scenarios: readonly Scenario[] = [
  restores('planned', {}),
  restores('committed', confirmed),
  restores('committed-component', oneComponent),
  restores('committed-from-location', { ...confirmed, from: 'vault' }, (bench) => (bench.locations = ['vault'])),
  {
    workflow: 'restore',
    path: 'committed-with-rebuild',
    walk: async (bench) => {
      const run = await ended(bench, await bench.start('restore', { ...confirmed, rebuild: ['vectors'] }));
      const { rebuildWorkflowId = '' } = (await run.result()) as RestoreResult;
      await bench.client.workflow.getHandle(rebuildWorkflowId).result();
      return run;
    },
  },
  restores('committed-undo', { ...confirmed, undo: true }),
  restores('committed-retried', oneComponent, (bench) => {
    bench.behave = (call, attempt) => {
      if (call === 'stage redis' && attempt === 1) throw new Error('the first attempt died');
    };
  }),
  restores('committed-objective-missed', { ...oneComponent, disasterAt: '2020-01-01T00:00:00.000Z' }),
  restores('committed-new-kept', { ...oneComponent, keepNew: true }, failProbes),
  restores('failed-refused-input', { ...confirmed, component: ['redis'] }),
  restores('failed-not-found', confirmed, (bench) => failOnce(bench, 'resolve', 'NotFound')),
  restores('failed-source-damaged', oneComponent, (bench) => failOnce(bench, 'verify', 'ObjectMissing')),
  restores('failed-staging', confirmed, (bench) => failOnce(bench, 'stage redis', 'NoSpace')),
  restores('failed-and-undone', confirmed, (bench) => failOnce(bench, 'health', 'ServiceFailed')),
  restores('failed-probes-undone', oneComponent, failProbes),
  restores('failed-not-undone', oneComponent, (bench) => {
    let failed = false;
    bench.behave = (call) => {
      if (failed && call === 'undo redis') refuse('SwapIncomplete');
      if (call === 'health') failed = true;
      if (call === 'health') refuse('ServiceFailed');
    };
  }),
  {
    workflow: 'restore',
    path: 'aborted',
    walk: async (bench) => {
      const gate = gateAt(bench, 'stage redis');
      const handle = await bench.start('restore', oneComponent);
      await gate.reached();
      await handle.executeUpdate(abortUpdate, { args: [{ by: 'ann', reason: 'wrong point' }] });
      await failureOf(handle);
      gate.open();
      return handle;
    },
  },
  {
    workflow: 'restore',
    path: 'aborted-without-words',
    walk: async (bench) => {
      const gate = gateAt(bench, 'swap redis');
      const handle = await bench.start('restore', oneComponent);
      await gate.reached();
      await handle.executeUpdate(messageNames.pause);
      await handle.executeUpdate(messageNames.abort);
      await failureOf(handle);
      gate.open();
      return handle;
    },
  },
  {
    workflow: 'restore',
    path: 'paused-and-resumed',
    walk: async (bench) => {
      const gate = gateAt(bench, 'stage redis');
      const handle = await bench.start('restore', oneComponent);
      await gate.reached();
      await handle.executeUpdate(pauseUpdate, { args: [{ by: 'ann', reason: 'wait' }] });
      gate.open();
      const staged = async () => (await handle.query(progressQuery)).steps.find(({ id }) => id === 'stage:redis');
      await expect.poll(staged).toMatchObject({ state: 'done' });
      await handle.executeUpdate(resumeUpdate, { args: [{ by: 'ann' }] });
      return ended(bench, handle);
    },
  },
  answered('committed-approved', 'approve'),
  answered('planned-rejected', 'reject'),
  {
    workflow: 'restore',
    path: 'planned-unanswered',
    walk: async (bench) => settled(await bench.start('restore', asking, undefined, bench.skipping)),
  },
  {
    workflow: 'restore',
    path: 'planned-asked-again',
    walk: async (bench) => {
      const handle = await bench.start('restore', asking);
      const first = await questionOf(handle, 1);
      bench.passedOver = ['20261123_020000: suspect'];
      await answer(handle, first, 'approve');
      await answer(handle, await questionOf(handle, 2), 'reject');
      return settled(handle);
    },
  },
  {
    workflow: 'restore',
    path: 'aborted-before-its-gate',
    walk: async (bench) => {
      const handle = await bench.start('restore', asking);
      await questionOf(handle, 1);
      await handle.executeUpdate(abortUpdate, { args: [{ by: 'ann', reason: 'wrong point' }] });
      return settled(handle);
    },
  },
  refusedBy('another', 'restore/wazuh/first'),
  refusedBy('another-with-an-id-of-its-own', 'bring-back-redis'),
  {
    workflow: 'restore',
    path: 'committed-after-cancelling-a-backup',
    walk: async (bench) => (await overtake(bench)).restore,
  },
  {
    workflow: 'walArchive',
    path: 'cancelled',
    walk: async (bench) => {
      bench.walStates = ['none', 'broken', 'continuous', 'continuous'];
      bench.behave = (call, attempt) => {
        if (call === 'archive postgres for 3600 s' && attempt === 1) refuse('WalConflict');
      };
      const handle = await bench.start('walArchive', {}, undefined, bench.skipping);
      const shifts = () => bench.calls.filter((call) => call.startsWith('archive ')).length;
      await expect.poll(shifts).toBeGreaterThan(4);
      bench.behave = () => new Promise(() => {});
      await handle.cancel();
      await failureOf(handle);
      return handle;
    },
  },
  replicates('replicated'),
  replicates('failed-damaged', (bench) => (bench.damaged = ['pack aa is damaged'])),
  replicates('replicated-after-failures', (bench) => failOnce(bench, 'replicate vault', 'StorageFailed')),
  backups('sealed', {}),
  backups('sealed-replicated', {}, (bench) => (bench.locations = ['vault'])),
  backups('sealed-component', { components: ['redis'] }),
  backups('sealed-retried', {}, (bench) => {
    bench.behave = (call, attempt) => {
      if (call === 'capture redis' && attempt === 1) throw new Error('the first attempt died');
    };
  }),
  backups('partial', {}, (bench) => failOnce(bench, 'capture redis', 'SourceEmpty')),
  backups('failed-input', { components: ['nothing'] }),
  backups('failed-begin', {}, (bench) => failOnce(bench, 'begin', 'NoSpace')),
  backups('failed-capture', { components: ['redis'] }, (bench) => failOnce(bench, 'capture redis', 'SourceEmpty')),
  backups('failed-seal', { components: ['redis'] }, (bench) => failOnce(bench, 'seal redis without ', 'StorageFailed')),
  { workflow: 'fullBackup', path: 'cancelled', walk: async (bench) => (await overtake(bench)).backup },
  {
    workflow: 'fullBackup',
    path: 'skipped',
    walk: async (bench) => {
      const gate = gateAt(bench, 'begin');
      const first = await bench.start('fullBackup', {});
      await gate.reached();
      const second = await bench.start('fullBackup', {}, undefined, bench.skipping);
      await second.result();
      gate.open();
      await first.result();
      return second;
    },
  },
  {
    workflow: 'fullBackup',
    path: 'sealed-after-waiting',
    walk: async (bench) => {
      const gate = gateAt(bench, 'begin');
      const first = await bench.start('fullBackup', {});
      await gate.reached();
      const second = await bench.start('fullBackup', {});
      await expect
        .poll(async () => (await second.query(progressQuery)).waitingOn)
        .toContain(first.workflowId);
      gate.open();
      await first.result();
      await second.result();
      return second;
    },
  },
  { workflow: 'fullBackup', path: 'late', walk: async (bench) => startedLate(bench) },
  ...['incrementalBackup', 'criticalBackup', 'configurationBackup', 'monitoringBackup'].map((workflow): Scenario => ({
    workflow,
    path: 'sealed',
    walk: async (bench) => {
      bench.components = tiered;
      const backup = await bench.start(workflow, {});
      await backup.result();
      return backup;
    },
  })),
  {
    workflow: 'configWatch',
    path: 'cancelled',
    walk: async (bench) => {
      bench.components = tiered;
      bench.changes = [['settings'], ['settings']];
      let left = 1;
      const watches = () => bench.calls.filter((call) => call.startsWith('watch ')).length;
      bench.behave = (call) => {
        if (call === 'capture settings' && left-- > 0) refuse('PermissionDenied');
        return call === 'watch settings' && watches() > 3 ? new Promise(() => {}) : undefined;
      };
      const handle = await bench.start('configWatch', {}, undefined, bench.skipping);
      await expect.poll(watches).toBe(4);
      await handle.cancel();
      await failureOf(handle);
      return handle;
    },
  },
  {
    workflow: 'walArchive',
    path: 'continued',
    walk: async (bench) => continued(await bench.start('walArchive', {})),
  },
  lockHeld('retention', { apply: true }, ['begin', 'fullBackup', {}]),
  lockHeld('rebuild', buildVectors, ['rebuild vectors', 'rebuild', buildVectors]),
  retains('planned', {}),
  retains('done', { apply: true }),
  retains('failed-refused', { apply: true }, (bench) => (bench.refusals = { '': 'a clock jumped' })),
  backups('sealed-verified', {}, (bench) => (bench.verifyAfterBackup = true)),
  ...proofs(),
  verifies('verified'),
  verifies('damaged', (bench) => {
    bench.verification = { ok: false, problems: ['redis: file `dump.rdb`, object packs/aa/bb: ObjectMissing'] };
  }),
  verifies('failed', (bench) => failOnce(bench, 'verifyPoint', 'NotFound')),
  rebuilds('rebuilt', 'vectors'),
  rebuilds('failed', 'vectors', (bench) => failOnce(bench, 'rebuild vectors', 'EngineFailed')),
  rebuilds('refused-no-store', 'redis'),
  {
    workflow: 'lock',
    path: 'held-and-released',
    walk: async (bench) => {
      const backup = await bench.start('fullBackup', {});
      await backup.result();
      return childOf(backup, 'lock/wazuh');
    },
  },
  {
    workflow: 'notification',
    path: 'delivered',
    walk: async (bench) => settled(await bench.start('notification', { text: 'recorded' })),
  },
  ...(['lock', 'notification', 'walArchive'] as const).map((workflow): Scenario => ({
    workflow,
    path: 'failed-refused-input',
    walk: async (bench) => settled(await bench.start(workflow, { componnent: 'postgres' })),
  })),
  { workflow: 'notification', path: 'empty', walk: async (bench) => settled(await bench.start('notification', {})) },
];

/** Runs a full backup by a schedule whose time is two days past. */
export async function startedLate(bench: WorkflowBench): Promise<WorkflowHandle> {
  const { schedule, workflow } = bench.client;
  const scheduleId = `late-${Math.random()}`;
  const handle = await schedule.create({
    scheduleId,
    spec: { cronExpressions: ['0 2 * * *'] },
    state: { paused: true },
    action: {
      type: 'startWorkflow',
      workflowType: 'fullBackup',
      workflowId: scheduleId,
      taskQueue: bench.taskQueue,
      args: [{}],
    },
  });
  try {
    const end = new Date(Date.now() - 2 * 86_400_000);
    await handle.backfill({
      start: new Date(end.getTime() - 86_400_000),
      end,
      overlap: ScheduleOverlapPolicy.ALLOW_ALL,
    });
    const started = async (): Promise<string> =>
      (await handle.describe()).info.recentActions[0]?.action.workflow.workflowId ?? '';
    await expect.poll(started).not.toBe('');
    const run = workflow.getHandle(await started());
    await run.result();
    return run;
  } finally {
    await handle.delete();
  }
}

/** A restore that asks whether its plan is to be carried out. */
function answered(path: string, choice: 'approve' | 'reject'): Scenario {
  return {
    workflow: 'restore',
    path,
    walk: async (bench) => {
      const handle = await bench.start('restore', asking);
      await answer(handle, await questionOf(handle, 1), choice);
      return ended(bench, handle);
    },
  };
}

async function questionOf(handle: WorkflowHandle, attempt: number): Promise<Question> {
  const questions = async () => (await handle.query(progressQuery)).questions;
  await expect.poll(questions).toMatchObject([{ attempt }]);
  const [question] = await questions();
  return question!;
}

async function answer(handle: WorkflowHandle, question: Question, choice: 'approve' | 'reject'): Promise<void> {
  const { id, attempt, planHash } = question;
  const sent = { question: id, attempt: String(attempt), planHash, choice, by: 'ann', reason: 'read' };
  await handle.executeUpdate(decideUpdate, { args: [sent] });
}

/** A run that waits in vain for another one, which is held in a call. */
function lockHeld(workflow: string, input: object, [call, type, held]: readonly [string, string, object]): Scenario {
  return {
    workflow,
    path: 'failed-lock-held',
    walk: async (bench) => {
      const gate = gateAt(bench, call);
      const holder = await bench.start(type, held);
      await gate.reached();
      const run = await settled(await bench.start(workflow, input, undefined, bench.skipping));
      gate.open();
      await holder.result();
      return run;
    },
  };
}

/** The first run of one that goes on as a new one, after that was cancelled. Thousands of events: one stands for all. */
async function continued(handle: WorkflowHandle): Promise<Run> {
  const { workflowId, runId } = await handle.describe();
  const first = handle.client.getHandle(workflowId, runId);
  await expect.poll(async () => (await first.describe()).status.name).toBe('CONTINUED_AS_NEW');
  await handle.client.getHandle(workflowId).cancel();
  await settled(handle.client.getHandle(workflowId));
  return { workflowId, runId };
}

/** A restore that finds the appliance held by another one. */
function refusedBy(whom: string, holder: string): Scenario {
  return {
    workflow: 'restore',
    path: `refused-by-${whom}`,
    walk: async (bench) => {
      const gate = gateAt(bench, 'stage redis');
      const first = await bench.start('restore', oneComponent, holder);
      await gate.reached();
      const second = await bench.start('restore', oneComponent, 'restore/wazuh/second');
      await failureOf(second);
      gate.open();
      await ended(bench, first);
      return second;
    },
  };
}

function restores(path: string, input: object, prepare?: (bench: WorkflowBench) => void): Scenario {
  return {
    workflow: 'restore',
    path,
    walk: async (bench) => {
      prepare?.(bench);
      return ended(bench, await bench.start('restore', input));
    },
  };
}

function backups(path: string, input: object, prepare?: (bench: WorkflowBench) => void): Scenario {
  return {
    workflow: 'fullBackup',
    path,
    walk: async (bench) => {
      prepare?.(bench);
      const backup = await settled(await bench.start('fullBackup', input));
      if (bench.locations.length > 0)
        await bench.client.workflow.getHandle('replicate/wazuh/20261122_020000').result();
      if (bench.verifyAfterBackup)
        for (const type of ['verifyBackup', 'proveBackup'])
          await bench.client.workflow.getHandle(`${type}/wazuh/20261122_020000`).result();
      return backup;
    },
  };
}

function verifies(path: string, prepare?: (bench: WorkflowBench) => void): Scenario {
  return {
    workflow: 'verifyBackup',
    path,
    walk: async (bench) => {
      prepare?.(bench);
      return settled(await bench.start('verifyBackup', { at: '20261122_020000' }));
    },
  };
}

function proofs(): Scenario[] {
  const walks = (workflow: string, path: string, prepare?: (bench: WorkflowBench) => void): Scenario => ({
    workflow,
    path,
    walk: async (bench) => {
      bench.locations = ['vault'];
      prepare?.(bench);
      return settled(await bench.start(workflow, {}));
    },
  });
  const damage = { ok: false, problems: ['redis: damaged'] };
  return [
    walks('proveBackup', 'proven'),
    walks('proveBackup', 'failed', (bench) => failOnce(bench, 'validate redis', 'ValidationFailed')),
    walks('proveBackup', 'failed-without-room', (bench) => failOnce(bench, 'stage redis', 'NoSpace')),
    walks('verifyDaily', 'verified'),
    walks('verifyDaily', 'failed', (bench) => (bench.places = { vault: damage })),
    walks('rpoWatch', 'met'),
    walks('rpoWatch', 'told', (bench) => (bench.news = ['RPO BREACHED'])),
  ];
}

function rebuilds(path: string, component: string, prepare?: (bench: WorkflowBench) => void): Scenario {
  return {
    workflow: 'rebuild',
    path,
    walk: async (bench) => {
      prepare?.(bench);
      return settled(await bench.start('rebuild', { confirm: 'wazuh', components: [component] }));
    },
  };
}

function retains(path: string, input: object, prepare?: (bench: WorkflowBench) => void): Scenario {
  return {
    workflow: 'retention',
    path,
    walk: async (bench) => {
      bench.locations = ['vault'];
      prepare?.(bench);
      return settled(await bench.start('retention', input));
    },
  };
}

function replicates(path: string, prepare?: (bench: WorkflowBench) => void): Scenario {
  return {
    workflow: 'replicate',
    path,
    walk: async (bench) => {
      bench.locations = ['vault', 'offsite'];
      prepare?.(bench);
      return settled(await bench.start('replicate', {}, undefined, bench.skipping));
    },
  };
}

/** A restore that begins while a backup captures. */
async function overtake(bench: WorkflowBench): Promise<{ readonly backup: Run; readonly restore: Run }> {
  const gate = gateAt(bench, 'capture postgres');
  const backup = await bench.start('fullBackup', {});
  await gate.reached();
  const restore = await bench.start('restore', oneComponent);
  await failureOf(backup);
  gate.open();
  await ended(bench, restore);
  return { backup, restore };
}

/** The end of a restore, well or not, and of the backup that it starts. */
async function ended(bench: WorkflowBench, handle: WorkflowHandle): Promise<WorkflowHandle> {
  const result = (await handle.result().catch(() => undefined)) as RestoreResult | undefined;
  if (result !== undefined && result.backupWorkflowId !== '')
    await bench.client.workflow.getHandle(result.backupWorkflowId).result();
  return handle;
}

async function settled(handle: WorkflowHandle): Promise<WorkflowHandle> {
  await handle.result().catch(() => undefined);
  return handle;
}

async function childOf(parent: WorkflowHandle, workflowId: string): Promise<Run> {
  const { events } = await parent.fetchHistory();
  for (const { childWorkflowExecutionStartedEventAttributes: started } of events ?? []) {
    const runId = started?.workflowExecution?.runId;
    if (started?.workflowExecution?.workflowId === workflowId && typeof runId === 'string')
      return { workflowId, runId };
  }
  throw new Error(`${parent.workflowId} started no ${workflowId}`);
}

function failOnce(bench: WorkflowBench, failing: string, code: string): void {
  let failed = false;
  bench.behave = (call) => {
    if (failed || call !== failing) return;
    failed = true;
    refuse(code);
  };
}

function failProbes(bench: WorkflowBench): void {
  bench.probes = (component) => [{ component, name: 'rows', expected: '10', actual: '9', ok: false }];
}

/** Holds the first call of an activity until it is opened. */
export function gateAt(bench: WorkflowBench, call: string): { reached(): Promise<void>; open(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  bench.behave = (made) => (made === call ? promise : undefined);
  return {
    reached: async () => expect.poll(() => bench.calls).toContain(call),
    open: resolve,
  };
}
