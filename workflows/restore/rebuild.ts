/**
 * Lets the application build vector stores anew from what it keeps elsewhere (D6.6): after a restore to a moment of
 * which there is no copy, or where no copy is good. What comes is what the application still knows, not what was there.
 * When they are built, an incremental backup holds them. Needs `confirm`: it changes what is live.
 */
import { workflowInfo } from '@temporalio/workflow';
import type { ApplianceView } from '../../activities/control.ts';
import { roleOfKind, stateWords } from '../../src/domain/replayed.ts';
import { incrementalBackup } from '../backup/backup.ts';
import type { Given, RebuildInput, RebuildResult } from '../messages.ts';
import { components, priority } from '../proxies.ts';
import { startDetachedChild } from '../run/detached-child.ts';
import type { RunDisplay } from '../run/display.ts';
import { rootMessage } from '../run/failure.ts';
import { inputInvalid, requireKnown } from '../run/known.ts';
import { requireLock } from '../run/lock.ts';
import { askedBy, runProcedure, type Run } from '../run/run.ts';

type Built = RebuildResult['built'][number];

/** Something that was cancelled ends within its heartbeat. */
const lockWaitSeconds = 60;

/** Not waited for; gives the run's id, empty where nothing is to be built. */
export async function startRebuild(appliance: string, ids: readonly string[], reason: string): Promise<string> {
  if (ids.length === 0) return '';
  const workflowId = `rebuild/${appliance}/${new Date().toISOString()}`;
  await startDetachedChild(rebuild, {
    workflowId,
    input: { components: ids, confirm: appliance, requestedBy: workflowInfo().workflowId, reason },
    summary: `the application builds ${ids.join(', ')} anew: ${reason}`,
  });
  return workflowId;
}

export async function rebuild(...given: Given<RebuildInput>): Promise<RebuildResult> {
  const built: Built[] = [];
  return runProcedure<RebuildInput, RebuildResult>(given, {
    body: async (run) => {
      const { appliance, input, display, began } = run;
      const stores = chosen(input, appliance);
      display.subject(stores.map(({ id }) => id).join(', '));
      display.declare(stores.map(({ id }) => `rebuild:${id}`));
      await takeTurn(run);
      display.state({ status: 'rebuilding' });
      for (const store of stores) built.push(await build(store, began, display));
      display.state({ status: 'rebuilt' });
      return { built, seconds: (Date.now() - began) / 1000 };
    },
    tell: ({ appliance, display, state, failed }) => [
      {
        topic: 'outcome',
        severity: failed === '' ? 'info' : 'critical',
        text: `${display.view().subject} of ${appliance.name} ${stateWords(state)}: ${outcomeText(built, failed).slice(0, 1500)}`,
      },
    ],
    follow: async ({ appliance, display, result }) => {
      if (built.length > 0) await startBackup(appliance.name, display.view().subject);
      return result;
    },
    evidence: ({ input, failed }) => ({
      text: outcomeText(built, failed),
      safetyCopies: built.flatMap(({ safetyCopy }) => (safetyCopy === '' ? [] : [safetyCopy])),
      ...askedBy(input),
    }),
  });
}

/** After a restore an older run of its kind builds for a state that is gone; a restore test can always come later. */
async function takeTurn(run: Run<RebuildInput>): Promise<void> {
  // Of our runs only a restore starts one; a person's has no parent.
  const isAfterRestore = workflowInfo().parent !== undefined;
  const mayCancel: readonly string[] = isAfterRestore ? ['rebuild', 'proveBackup'] : ['proveBackup'];
  await requireLock(run, {
    scope: 'restore-test',
    purpose: 'rebuild',
    waitSeconds: lockWaitSeconds,
    mayCancel: ({ type }) => mayCancel.includes(type),
  });
}

/** What was built is in no recovery point yet. */
async function startBackup(appliance: string, subject: string): Promise<void> {
  await startDetachedChild(incrementalBackup, {
    workflowId: `incrementalBackup/${appliance}/${new Date().toISOString()}`,
    input: { requestedBy: workflowInfo().workflowId, reason: `${subject} was built anew` },
    summary: `incremental backup of ${appliance}: ${subject} was built anew`,
  });
}

async function build(
  { id, kind, host }: ApplianceView['components'][number],
  began: number,
  display: RunDisplay,
): Promise<Built> {
  display.step(`rebuild:${id}`, 'running');
  try {
    const { documents, safetyCopy = '' } = await components(
      { role: roleOfKind(kind), host },
      { id: `rebuild:${id}`, priority: priority.restore },
    ).rebuildComponent({ component: id, since: new Date(began).toISOString() });
    display.step(`rebuild:${id}`, 'done', `${documents} documents`);
    return { component: id, documents, safetyCopy };
  } catch (error) {
    display.step(`rebuild:${id}`, 'failed', rootMessage(error).slice(0, 200));
    throw error;
  }
}

function outcomeText(built: readonly Built[], failed: string): string {
  const holds = built.map(
    ({ component, documents, safetyCopy }) =>
      `${component} holds ${documents} documents that the application still had${safetyCopy === '' ? '' : `, what it held before lies in ${safetyCopy}`}`,
  );
  return [...(failed === '' ? [] : [failed]), ...holds].join('; ');
}

function chosen(
  { components: ids = [], confirm }: RebuildInput,
  { name, components: all }: ApplianceView,
): ApplianceView['components'] {
  const stores = all.filter(({ kind }) => kind === 'vectorstore');
  const known = stores.map(({ id }) => id);
  const exampleOf = (first: string | undefined): object => ({ components: [first ?? 'vectors'], confirm: name });
  if (ids.length === 0)
    throw inputInvalid(`no vector store is named; known are ${known.join(', ') || 'none'}`, exampleOf(known[0]));
  requireKnown('vector store', ids, known, exampleOf);
  if (confirm !== name)
    throw inputInvalid('`confirm` must be the name of the appliance; nothing was changed', exampleOf(known[0]));
  return stores.filter(({ id }) => ids.includes(id));
}
