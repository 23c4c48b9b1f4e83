/**
 * L4: restores a recovery point beside the live data, opens it with the real engines in private, and removes it again.
 * Nothing live is stopped, changed or reached: it is a restore that ends where a real one would begin to stop services.
 * Backups go on meanwhile; a restore that somebody starts cancels it.
 */
import { ApplicationFailure, CancellationScope, isCancellation, workflowInfo } from '@temporalio/workflow';
import type { ApplianceView } from '../../activities/control.ts';
import type { PointView } from '../../activities/recovery-points.ts';
import type { ProbeResult } from '../../src/domain/recovery-point.ts';
import { causes, describeProbes, isFailed, isProven } from '../../src/domain/replayed.ts';
import { begin } from '../run/begin.ts';
import { startBeside } from '../run/detached-child.ts';
import { writeEvidence } from '../run/evidence.ts';
import { takeLockOrThrow, type HeldLock } from '../run/lock.ts';
import type { Given, ProveBackupInput, ProveBackupResult } from '../messages.ts';
import { notify } from '../run/notification.ts';
import { components, priority, storage, upkeep } from '../proxies.ts';
import { rootCode, rootMessage } from '../plan/runner.ts';
import { RunDisplay } from '../run/display.ts';
import type { FencingToken } from '../../src/domain/fencing-token.ts';

export async function startProof({ name, components: all }: ApplianceView, at: string): Promise<void> {
  const databases = all.filter(({ kind }) => kind === 'postgres').map(({ id }) => id);
  if (databases.length === 0) return;
  await startBeside(proveBackup, {
    workflowId: `proveBackup/${name}/${at}`,
    input: { at, components: databases, requestedBy: workflowInfo().workflowId },
    summary: `restore ${databases.join(', ')} of ${at} in private`,
  });
}

export async function proveBackup(...given: Given<ProveBackupInput>): Promise<ProveBackupResult> {
  const display = new RunDisplay();
  const began = Date.now();
  const { appliance, input } = await begin(display, given);
  let lock: HeldLock | undefined;
  let result: ProveBackupResult | undefined;
  let failure: unknown;
  try {
    lock = await takeLockOrThrow(appliance, 'trial restore', display, 'trial');
    const point = await storage(appliance.host, { summary: `find ${input.at ?? 'latest'}` }).resolvePoint({
      at: input.at ?? 'latest',
      components: input.components ?? [],
    });
    display.subject(point.backupId);
    requireHeld(point, input.components ?? []);
    display.state('proving');
    const { trials, stopped } = await proveAll(point, lock.since, display);
    const probes = trials.flatMap((trial) => trial.probes);
    const failed = probes.filter(isFailed);
    const ok = failed.length === 0;
    const unproven = trials
      .filter((trial) => !isProven(trial.probes) && !trial.probes.some(isFailed))
      .map(({ component }) => component);
    for (const id of unproven) display.note(`${id}: nothing of its content could be compared, so it is not proven`);
    if (trials.length > 0)
      await CancellationScope.nonCancellable(async () =>
        upkeep(appliance.host, { summary: 'write the proof' }).recordTrial({
          repositoryId: point.repositoryId,
          backupId: point.backupId,
          components: trials.map(({ component }) => component),
          failed: [...new Set(failed.map(({ component }) => component))],
          unproven,
          problems: failed.map(
            ({ component, name, expected, actual }) => `${component}: ${name}: expected ${expected}, found ${actual}`,
          ),
        }),
      );
    if (stopped !== undefined) throw stopped;
    display.state(ok ? 'proven' : 'failed');
    result = { id: point.backupId, ok, probes: probes.length, failed, text: describeProbes(probes), unproven };
  } catch (error) {
    failure = error;
    display.state(isCancellation(error) ? 'cancelled' : 'failed');
  }
  await CancellationScope.nonCancellable(async () => {
    await lock?.release((text) => display.note(text));
    await conclude({ appliance, display, result, failure, began, input });
  });
  if (failure !== undefined) throw failure;
  if (result?.ok !== true)
    throw ApplicationFailure.nonRetryable(
      `recovery point ${result?.id ?? ''} failed its trial restore: ${failedText(result?.failed ?? [])}`,
      'ValidationFailed',
      { hint: causes.failedTrial.hint },
    );
  return result;
}

/** Without this a trial of nothing would prove everything. */
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
  const named = failed
    .slice(0, namedProbes)
    .map(({ component, name, expected, actual }) => `${component}: ${name}: expected ${expected}, found ${actual}`);
  const more = failed.length - named.length;
  return `${named.join('; ')}${more > 0 ? `; and ${more} more` : ''}`.slice(0, 2000);
}

interface Trial {
  readonly component: string;
  readonly probes: readonly ProbeResult[];
}

/** These say that what is stored cannot be used; everything else says nothing of it. */
const speaksAgainst = ['ValidationFailed', 'ObjectMissing', 'ObjectCorrupt', 'WalGap', 'WalConflict'];

/**
 * One component after the other: there need not be room for all at once. One that cannot be opened ends its own trial
 * only; what says nothing of the point stops all, and what was found until then stays.
 */
async function proveAll(
  point: PointView,
  lockSince: string,
  display: RunDisplay,
): Promise<{ readonly trials: readonly Trial[]; readonly stopped?: unknown }> {
  display.declare(point.components.map(({ id }) => `prove:${id}`));
  const trials: Trial[] = [];
  for (const component of point.components) {
    display.step(`prove:${component.id}`, 'running');
    try {
      const probes = await prove(point, component, lockSince);
      trials.push({ component: component.id, probes });
      const failed = probes.find(isFailed);
      display.step(
        `prove:${component.id}`,
        failed === undefined ? 'done' : 'failed',
        failed === undefined ? describeProbes(probes) : `${failed.name}: found ${failed.actual}`.slice(0, 200),
      );
    } catch (error) {
      display.step(`prove:${component.id}`, 'failed', rootMessage(error).slice(0, 200));
      const code = rootCode(error);
      if (!speaksAgainst.includes(code)) return { trials, stopped: error };
      const actual = `${code}: ${rootMessage(error)}`;
      const opens = { component: component.id, name: 'opens', expected: 'it does', actual, ok: false };
      trials.push({ component: component.id, probes: [opens] });
    }
  }
  return { trials };
}

async function prove(
  { repositoryId, artefacts }: PointView,
  { id, role, host, backupId }: PointView['components'][number],
  lockSince: string,
): Promise<ProbeResult[]> {
  const wal = artefacts.find(({ component }) => component === id)?.wal;
  const call = (summary: string) =>
    components({ role, host }, { summary: `${summary} ${id}`, priority: priority.drill });
  let staged: FencingToken | null = null;
  const request = () => ({
    repositoryId,
    backupId,
    component: id,
    lockSince,
    runId: workflowInfo().runId,
    staged,
    replaceDamaged: false,
    ...(wal === undefined ? {} : { wal }),
  });
  try {
    staged = (await call('stage').stageComponent(request())).token;
    return await call('open').validateComponent(request());
  } finally {
    await CancellationScope.nonCancellable(async () => call('remove').undoComponent(request()));
  }
}

interface Conclusion {
  readonly appliance: ApplianceView;
  readonly display: RunDisplay;
  readonly result: ProveBackupResult | undefined;
  readonly failure: unknown;
  readonly began: number;
  readonly input: ProveBackupInput;
}

/** One that had to make room for a restore is no news. */
async function conclude({ appliance, display, result, failure, began, input }: Conclusion): Promise<void> {
  const { workflowId } = workflowInfo();
  const view = display.view();
  const text =
    failure === undefined
      ? (result?.failed ?? []).map(({ component, name, actual }) => `${component}: ${name}: found ${actual}`).join('; ')
      : `${rootCode(failure)}: ${rootMessage(failure)}`;
  if (view.state === 'failed')
    await notify(
      'outcome',
      `Trial restore of ${appliance.name} ${view.subject} failed: ${text.slice(0, 1500)} (${workflowId})`,
    );
  await writeEvidence(appliance, {
    state: view.state,
    text: text.slice(0, 2000),
    backup: view.subject,
    startedAt: new Date(began).toISOString(),
    endedAt: new Date().toISOString(),
    seconds: (Date.now() - began) / 1000,
    steps: view.steps.map((step) => ({ ...step })),
    notes: [...view.notes],
    requestedBy: input.requestedBy ?? 'unknown',
  });
}
