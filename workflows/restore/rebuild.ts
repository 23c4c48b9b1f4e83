/**
 * Lets the application build vector stores anew from what it keeps elsewhere (D6.6): after a restore to a moment of
 * which there is no copy, or where no copy is good. What comes is what the application still knows, not what was there.
 * When they are built, an incremental backup holds them. Needs `confirm`: it changes what is live.
 */
import { ApplicationFailure, CancellationScope, isCancellation, workflowInfo } from '@temporalio/workflow';
import type { ApplianceView } from '../../activities/control.ts';
import { roleOfKind } from '../../src/domain/replayed.ts';
import { incrementalBackup } from '../backup/backup.ts';
import { begin } from '../run/begin.ts';
import { startBeside } from '../run/detached-child.ts';
import { writeEvidence } from '../run/evidence.ts';
import { takeLock, type HeldLock } from '../run/lock.ts';
import type { Given, RebuildInput, RebuildResult } from '../messages.ts';
import { notify } from '../run/notification.ts';
import { components, priority } from '../proxies.ts';
import { rootCode, rootMessage } from '../plan/runner.ts';
import { RunDisplay } from '../run/display.ts';

/** Something that was cancelled ends within its heartbeat. */
const lockWaitSeconds = 60;

/** Not waited for; gives the run's id, empty where nothing is to be built. */
export async function startRebuild(appliance: string, ids: readonly string[], reason: string): Promise<string> {
  if (ids.length === 0) return '';
  const workflowId = `rebuild/${appliance}/${new Date().toISOString()}`;
  await startBeside(rebuild, {
    workflowId,
    input: { components: ids, confirm: appliance, requestedBy: workflowInfo().workflowId, reason },
    summary: `the application builds ${ids.join(', ')} anew: ${reason}`,
  });
  return workflowId;
}

export async function rebuild(...given: Given<RebuildInput>): Promise<RebuildResult> {
  const display = new RunDisplay();
  const began = Date.now();
  const { appliance, input } = await begin(display, given);
  const stores = chosen(input, appliance);
  display.subject(stores.map(({ id }) => id).join(', '));
  display.declare(stores.map(({ id }) => `rebuild:${id}`));
  const built: RebuildResult['built'][number][] = [];
  let lock: HeldLock | undefined;
  let failure: unknown;
  try {
    lock = await takeTurn(appliance, display);
    display.state('rebuilding');
    for (const store of stores) built.push(await build(store, began, display));
    display.state('rebuilt');
  } catch (error) {
    failure = error;
    display.state(isCancellation(error) ? 'cancelled' : 'failed');
  }
  const result = { built, seconds: (Date.now() - began) / 1000 };
  await CancellationScope.nonCancellable(async () => {
    await lock?.release((text) => display.note(text));
    await conclude(appliance, display, input, result, failure, began);
  });
  if (failure !== undefined) throw failure;
  return result;
}

/** After a restore an older run of its kind builds for a state that is gone; a trial restore can always come later. */
async function takeTurn({ name }: ApplianceView, display: RunDisplay): Promise<HeldLock> {
  // Of our runs only a restore starts one; a person's has no parent.
  const isAfterRestore = workflowInfo().parent !== undefined;
  const mayCancel: readonly string[] = isAfterRestore ? ['rebuild', 'proveBackup'] : ['proveBackup'];
  const taken = await takeLock({
    appliance: name,
    lane: 'trial',
    holder: workflowInfo().workflowId,
    purpose: 'rebuild',
    waitSeconds: lockWaitSeconds,
    onWait: (holder) => display.waitOn(`lock held by ${holder}`),
    mayCancel: ({ type }) => mayCancel.includes(type),
  });
  display.waitOn('');
  if (taken.held) return taken.lock;
  throw ApplicationFailure.nonRetryable(`the appliance is held by ${taken.holder}; nothing was changed`, 'LockHeld');
}

async function build(
  { id, kind, host }: ApplianceView['components'][number],
  began: number,
  display: RunDisplay,
): Promise<RebuildResult['built'][number]> {
  display.step(`rebuild:${id}`, 'running');
  try {
    const { documents, safetyCopy = '' } = await components(
      { role: roleOfKind(kind), host },
      { summary: `rebuild ${id}`, priority: priority.restore },
    ).rebuildComponent({ component: id, since: new Date(began).toISOString() });
    display.step(`rebuild:${id}`, 'done', `${documents} documents`);
    return { component: id, documents, safetyCopy };
  } catch (error) {
    display.step(`rebuild:${id}`, 'failed', rootMessage(error).slice(0, 200));
    throw error;
  }
}

async function conclude(
  appliance: ApplianceView,
  display: RunDisplay,
  input: RebuildInput,
  { built }: RebuildResult,
  failure: unknown,
  began: number,
): Promise<void> {
  const { workflowId } = workflowInfo();
  const { state, subject, steps, notes } = display.view();
  const holds = built.map(
    ({ component, documents, safetyCopy }) =>
      `${component} holds ${documents} documents that the application still had${safetyCopy === '' ? '' : `, what it held before lies in ${safetyCopy}`}`,
  );
  const text = [...(failure === undefined ? [] : [`${rootCode(failure)}: ${rootMessage(failure)}`]), ...holds].join(
    '; ',
  );
  await notify('outcome', `${subject} of ${appliance.name} ${state}: ${text.slice(0, 1500)} (${workflowId})`);
  await writeEvidence(appliance, {
    state,
    text: text.slice(0, 2000),
    startedAt: new Date(began).toISOString(),
    endedAt: new Date().toISOString(),
    seconds: (Date.now() - began) / 1000,
    steps: steps.map((step) => ({ ...step })),
    safetyCopies: built.flatMap(({ safetyCopy }) => (safetyCopy === '' ? [] : [safetyCopy])),
    notes: [...notes],
    requestedBy: input.requestedBy ?? 'unknown',
    reason: input.reason ?? '',
  });
  if (built.length === 0) return;
  await startBeside(incrementalBackup, {
    workflowId: `incrementalBackup/${appliance.name}/${new Date().toISOString()}`,
    input: { requestedBy: workflowId, reason: `${subject} was built anew` },
    summary: `incremental backup of ${appliance.name}: ${subject} was built anew`,
  });
}

function chosen(
  { components: ids = [], confirm }: RebuildInput,
  { name, components: all }: ApplianceView,
): ApplianceView['components'] {
  const stores = all.filter(({ kind }) => kind === 'vectorstore');
  const unknown = ids.filter((id) => !stores.some((store) => store.id === id));
  const known = stores.map(({ id }) => id);
  const example = JSON.stringify({ components: known.slice(0, 1), confirm: name });
  const refused = (text: string) => ApplicationFailure.nonRetryable(`${text}. Example: ${example}`, 'InputInvalid');
  if (unknown.length > 0 || ids.length === 0)
    throw refused(
      `${ids.length === 0 ? 'no component is named' : `${unknown.join(', ')} is no vector store here`}; known are ${known.join(', ') || 'none'}`,
    );
  if (confirm !== name) throw refused(`\`confirm\` must be the name of the appliance; nothing was changed`);
  return stores.filter(({ id }) => ids.includes(id));
}
