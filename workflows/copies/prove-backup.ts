/**
 * The restore test (L4): restores a recovery point beside the live data, opens it with the real engines in private, and removes
 * it again. Nothing live is stopped, changed or reached: it is a restore that ends where a real one would begin to stop
 * services. Backups go on meanwhile; a restore that somebody starts cancels it.
 */
import { ApplicationFailure, CancellationScope, workflowInfo } from '@temporalio/workflow';
import type { ApplianceView } from '../../activities/control.ts';
import type { PointView } from '../../activities/recovery-points.ts';
import type { ProbeResult } from '../../src/domain/recovery-point.ts';
import { causes, describeProbes, isFailed, isProven, planRestoreTest, stateWords } from '../../src/domain/replayed.ts';
import type { Given, ProveBackupInput, ProveBackupResult } from '../messages.ts';
import { runPlan } from '../plan/engine.ts';
import { priority, storage, upkeep } from '../proxies.ts';
import { newContext } from '../restore/request.ts';
import { RunControl } from '../run/control.ts';
import { startDetachedChild } from '../run/detached-child.ts';
import { RunDisplay } from '../run/display.ts';
import { requireLock } from '../run/lock.ts';
import { askedBy, runProcedure, type Run } from '../run/run.ts';
import { testActions, type TestContext, type Tested } from './test-actions.ts';

export async function startRestoreTest({ name, components: all }: ApplianceView, at: string): Promise<void> {
  const databases = all.filter(({ kind }) => kind === 'postgres').map(({ id }) => id);
  if (databases.length === 0) return;
  await startDetachedChild(proveBackup, {
    workflowId: `proveBackup/${name}/${at}`,
    input: { at, components: databases, requestedBy: workflowInfo().workflowId },
    summary: `restore ${databases.join(', ')} of ${at} in private`,
  });
}

export async function proveBackup(...given: Given<ProveBackupInput>): Promise<ProveBackupResult> {
  const display = new RunDisplay();
  const control = new RunControl(display);
  const notUndone: string[] = [];
  return runProcedure<ProveBackupInput, ProveBackupResult>(
    given,
    {
      body: async (run) => control.scope.run(async () => test(run, control, notUndone)),
      tell: ({ appliance, display: shown, result, failed, state }) => {
        const lost = notUndone.map((each) => `not undone: ${each}`);
        // One that had to make room for a restore, and left nothing behind, is no news.
        if (state.status !== 'failed' && lost.length === 0) return [];
        const text = [failed === '' ? failedText(result?.failed ?? []) : failed, ...lost].join('; ');
        return [
          {
            topic: 'outcome',
            severity: state.status === 'failed' ? 'critical' : 'warning',
            text: `Restore test of ${appliance.name} ${shown.view().subject} ${stateWords(state)}: ${text.slice(0, 1500)}`,
          },
        ];
      },
      evidence: ({ result, failed, input }) => ({
        text: failed === '' ? failedText(result?.failed ?? []) : failed,
        notUndone: [...notUndone],
        ...askedBy(input),
      }),
      verdict: ({ id, ok, failed }) =>
        ok
          ? undefined
          : ApplicationFailure.nonRetryable(
              `recovery point ${id} failed its restore test: ${failedText(failed)}`,
              'ValidationFailed',
              { hint: causes.failedRestoreTest.hint },
            ),
    },
    display,
  );
}

async function test(run: Run<ProveBackupInput>, control: RunControl, notUndone: string[]): Promise<ProveBackupResult> {
  const { appliance, input, display } = run;
  const lock = await requireLock(run, { scope: 'restore-test', purpose: 'restore test' });
  const point = await storage(appliance.host, {
    id: 'find:recovery-point',
    summary: `find ${input.at ?? 'latest'}`,
  }).resolvePoint({
    at: input.at ?? 'latest',
    components: input.components ?? [],
  });
  display.subject(point.backupId);
  requireHeld(point, input.components ?? []);
  display.state({ status: 'testing' });
  const plan = planRestoreTest(appliance.name, point.components);
  display.plan(plan.steps);
  const context = contextOf(point, lock.since, display);
  const outcome = await runPlan({ plan, actions: testActions, context, display, control, parallelSteps: 1 });
  const found = resultOf(point, context.tested);
  for (const id of found.unproven) display.note(`${id}: nothing of its content could be compared, so it is not proven`);
  // What was found until it was stopped stays.
  if (context.tested.length > 0)
    await CancellationScope.nonCancellable(async () => recordTest(appliance, point, context.tested, found));
  if (outcome.kind === 'unwound') {
    notUndone.push(...outcome.notUndone);
    throw outcome.failure;
  }
  display.state({ status: found.ok ? 'proven' : 'failed' });
  return found;
}

function contextOf(point: PointView, lockSince: string, display: RunDisplay): TestContext {
  const walOf = (id: string) => point.artefacts.find(({ component }) => component === id)?.wal;
  return {
    ...newContext({
      plan: {
        backupId: point.backupId,
        components: point.components.map(({ id, backupId }) => {
          const wal = walOf(id);
          return { id, backupId, ...(wal === undefined ? {} : { wal }) };
        }),
        replaceDamaged: false,
        stops: [],
      },
      repositoryId: point.repositoryId,
      copy: {},
      lockSince,
      runId: workflowInfo().runId,
      priority: priority.drill,
      display,
    }),
    tested: [],
  };
}

function resultOf({ backupId }: PointView, tested: readonly Tested[]): ProveBackupResult {
  const probes = tested.flatMap((each) => each.probes);
  const failed = probes.filter(isFailed);
  const unproven = tested
    .filter((each) => !isProven(each.probes) && !each.probes.some(isFailed))
    .map(({ component }) => component);
  return {
    id: backupId,
    ok: failed.length === 0,
    probes: probes.length,
    failed,
    text: describeProbes(probes),
    unproven,
  };
}

async function recordTest(
  { host }: ApplianceView,
  { repositoryId, backupId }: PointView,
  tested: readonly Tested[],
  { failed, unproven }: ProveBackupResult,
): Promise<void> {
  await upkeep(host, { id: 'write:proof', summary: 'write the proof' }).recordRestoreTest({
    repositoryId,
    backupId,
    components: tested.map(({ component }) => component),
    failed: [...new Set(failed.map(({ component }) => component))],
    unproven,
    problems: failed.map(probeText),
  });
}

/** Without this a test of nothing would prove everything. */
function requireHeld({ backupId, components: held }: PointView, wanted: readonly string[]): void {
  const missing = wanted.filter((id) => !held.some((component) => component.id === id));
  if (missing.length === 0 && held.length > 0) return;
  throw ApplicationFailure.nonRetryable(
    `recovery point ${backupId} holds ${missing.length === 0 ? 'no component' : `no ${missing.join(', ')}`} that is configured here`,
    'NotFound',
  );
}

const namedProbes = 3;

function failedText(failed: readonly ProbeResult[]): string {
  const more = failed.length - namedProbes;
  const named = failed.slice(0, namedProbes).map(probeText).join('; ');
  return `${named}${more > 0 ? `; and ${more} more` : ''}`.slice(0, 2000);
}

function probeText({ component, name, expected, actual }: ProbeResult): string {
  return `${component}: ${name}: expected ${expected}, found ${actual}`;
}
