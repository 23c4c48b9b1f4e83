/**
 * Lets the application build a vector store anew from what it keeps elsewhere (D6.6): after a restore to a moment of
 * which there is no copy, or where no copy is good. What comes is what the application still knows, not what was there.
 * When it is built, an incremental backup holds it. `{}` changes nothing.
 */
import { ApplicationFailure, CancellationScope, isCancellation, workflowInfo } from '@temporalio/workflow';
import type { ApplianceView } from '../activities/control.ts';
import { roleOfKind } from '../src/domain/replayed.ts';
import { incrementalBackup } from './backup.ts';
import { startBeside } from './beside.ts';
import { writeEvidence } from './evidence.ts';
import type { RebuildInput, RebuildResult } from './messages.ts';
import { notify } from './notification.ts';
import { components, control, priority } from './proxies.ts';
import { rootCode, rootMessage } from './run-plan.ts';
import { RunDisplay } from './view.ts';

/** Of each component; not waited for. One that runs already is enough. */
export async function startRebuilds(appliance: string, ids: readonly string[], reason: string): Promise<void> {
  for (const component of ids)
    await startBeside(rebuild, {
      workflowId: `rebuild/${appliance}/${component}`,
      input: { component, requestedBy: workflowInfo().workflowId, reason },
      summary: `the application builds ${component} anew: ${reason}`,
    });
}

export async function rebuild(input: RebuildInput = {}): Promise<RebuildResult> {
  const display = new RunDisplay();
  const began = Date.now();
  const appliance = await control({ summary: 'read the configuration' }).describeAppliance();
  display.describe(appliance.name, appliance.searchable);
  const { id, kind, host } = chosen(input, appliance);
  display.subject(id);
  let result: RebuildResult | undefined;
  let failure: unknown;
  try {
    display.state('rebuilding');
    display.step(`rebuild:${id}`, 'running');
    const { documents } = await components(
      { role: roleOfKind(kind), host },
      { summary: `rebuild ${id}`, priority: priority.restore },
    ).rebuildComponent({ component: id, since: new Date(began).toISOString() });
    display.step(`rebuild:${id}`, 'done', `${documents} documents`);
    display.state('rebuilt');
    result = { component: id, documents, seconds: (Date.now() - began) / 1000 };
  } catch (error) {
    failure = error;
    display.step(`rebuild:${id}`, 'failed', rootMessage(error).slice(0, 200));
    display.state(isCancellation(error) ? 'cancelled' : 'failed');
  }
  await CancellationScope.nonCancellable(async () => conclude(appliance, display, input, result, failure, began));
  if (result === undefined) throw failure;
  return result;
}

async function conclude(
  appliance: ApplianceView,
  display: RunDisplay,
  input: RebuildInput,
  result: RebuildResult | undefined,
  failure: unknown,
  began: number,
): Promise<void> {
  const { workflowId } = workflowInfo();
  const { state, subject, steps, notes } = display.view();
  const text =
    result === undefined
      ? `${rootCode(failure)}: ${rootMessage(failure)}`
      : `${result.documents} documents that the application still had; what it no longer keeps is not in it`;
  await notify('outcome', `${subject} of ${appliance.name} ${state}: ${text.slice(0, 1500)} (${workflowId})`);
  await writeEvidence(appliance, {
    state,
    text: text.slice(0, 2000),
    startedAt: new Date(began).toISOString(),
    endedAt: new Date().toISOString(),
    seconds: (Date.now() - began) / 1000,
    steps: steps.map((step) => ({ ...step })),
    notes: [...notes],
    requestedBy: input.requestedBy ?? 'unknown',
    reason: input.reason ?? '',
  });
  if (result === undefined) return;
  await startBeside(incrementalBackup, {
    workflowId: `incrementalBackup/${appliance.name}/${new Date().toISOString()}`,
    input: { requestedBy: workflowId, reason: `${subject} was built anew` },
    summary: `incremental backup of ${appliance.name}: ${subject} was built anew`,
  });
}

function chosen({ component = '' }: RebuildInput, appliance: ApplianceView): ApplianceView['components'][number] {
  const stores = appliance.components.filter(({ kind }) => kind === 'vectorstore');
  const found = stores.find(({ id }) => id === component);
  if (found !== undefined) return found;
  const known = stores.map(({ id }) => id).join(', ') || 'none';
  throw ApplicationFailure.nonRetryable(
    `component ${component || 'without a name'} is no vector store here; known are ${known}. Example: {"component":"${stores[0]?.id ?? 'vectorstore'}"}`,
    'InputInvalid',
  );
}
