/**
 * Makes the server's schedules what the configuration says. Keeps an operator's pause; a schedule of ours that is no
 * longer configured is removed, a stranger's is told and left alone. May run twice and by several workers at once.
 */
import { ScheduleAlreadyRunning, ScheduleNotFoundError, type Client } from '@temporalio/client';
import type { Appliance } from '../src/domain/appliance.ts';
import { scheduleNames } from '../src/domain/schedules.ts';
import { desiredSchedules, ownerMemo, scheduleId, type DesiredSchedule } from './desired.ts';
import { driftOf } from './drift.ts';

/** `unmanaged`: it names our appliance or has an id of ours, and was not made by us. */
export type ScheduleAction = 'create' | 'update' | 'remove' | 'keep' | 'unmanaged';

export interface ScheduleChange {
  readonly scheduleId: string;
  readonly action: ScheduleAction;
  /** In what it differs, or why nothing is done. */
  readonly reasons: readonly string[];
}

interface Step extends ScheduleChange {
  readonly desired?: DesiredSchedule;
}

/** What `applySchedules` would do. Changes nothing. */
export async function planSchedules(
  client: Client,
  appliance: Appliance,
  { searchable = false }: { readonly searchable?: boolean } = {},
): Promise<ScheduleChange[]> {
  return (await stepsOf(client, appliance, { listsAll: true, searchable })).map(
    ({ desired: _own, ...change }) => change,
  );
}

/**
 * Returns what was done. Those that others made under names of their own are only found in the list of all schedules, which is
 * as long as the fleet is large: `lifeboat schedules` shows them, and a worker that starts does not look for them.
 */
export async function applySchedules(
  client: Client,
  appliance: Appliance,
  { listsAll = true, searchable = false }: Partial<ReconcileOptions> = {},
): Promise<ScheduleChange[]> {
  const steps = await stepsOf(client, appliance, { listsAll, searchable });
  for (const step of steps) await take(client, step);
  return steps.map(({ desired: _own, ...change }) => change);
}

interface ReconcileOptions {
  readonly listsAll: boolean;
  /** Runs may be started with search attributes: the namespace has them. */
  readonly searchable: boolean;
}

async function stepsOf(
  client: Client,
  appliance: Appliance,
  { listsAll, searchable }: ReconcileOptions,
): Promise<Step[]> {
  const desired = desiredSchedules(appliance, searchable);
  const steps: Step[] = [];
  for (const schedule of desired) steps.push(await stepFor(client, schedule));
  const wanted = new Set(desired.map((schedule) => schedule.scheduleId));
  for (const id of scheduleNames.map((name) => scheduleId(appliance, name)).filter((id) => !wanted.has(id))) {
    const owner = await ownerOf(client, id);
    if (owner === ownerMemo) steps.push({ scheduleId: id, action: 'remove', reasons: ['not configured any more'] });
    wanted.add(id);
  }
  return listsAll ? [...steps, ...(await unmanaged(client, appliance, wanted))] : steps;
}

async function stepFor(client: Client, desired: DesiredSchedule): Promise<Step> {
  const { scheduleId: id } = desired;
  const owner = await ownerOf(client, id);
  if (owner === undefined) return { scheduleId: id, action: 'create', reasons: [], desired };
  if (owner !== ownerMemo)
    return { scheduleId: id, action: 'unmanaged', reasons: ['has the id of one of ours, which is not created'] };
  const reasons = await driftOf(client, desired);
  return { scheduleId: id, action: reasons.length === 0 ? 'keep' : 'update', reasons, desired };
}

/** Undefined where there is no such schedule; empty where nobody signed it. */
async function ownerOf(client: Client, id: string): Promise<string | undefined> {
  try {
    const { memo } = await client.schedule.getHandle(id).describe();
    return typeof memo?.owner === 'string' ? memo.owner : '';
  } catch (error) {
    if (error instanceof ScheduleNotFoundError) return undefined;
    throw error;
  }
}

/** Schedules that somebody else made for this appliance, by the name behind the slash. */
async function unmanaged(client: Client, { name }: Appliance, known: ReadonlySet<string>): Promise<Step[]> {
  const found: Step[] = [];
  for await (const { scheduleId: id, memo } of client.schedule.list()) {
    const isAbout = id.endsWith(`/${name}`) || (memo?.owner === ownerMemo && memo.appliance === name);
    if (isAbout && !known.has(id))
      found.push({ scheduleId: id, action: 'unmanaged', reasons: ['not known to this version; it is left alone'] });
  }
  return found;
}

async function take(client: Client, { action, scheduleId: id, desired }: Step): Promise<void> {
  if (action === 'remove') await remove(client, id);
  else if (action === 'create' && desired !== undefined) await create(client, desired);
  else if (action === 'update' && desired !== undefined) await update(client, desired);
}

/** Another worker may have been faster: it makes the same. */
async function create(client: Client, desired: DesiredSchedule): Promise<void> {
  try {
    await client.schedule.create(desired);
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
  }
}

async function update(client: Client, { scheduleId: id, spec, policies, action }: DesiredSchedule): Promise<void> {
  await client.schedule.getHandle(id).update(({ state }) => ({
    spec,
    ...(policies === undefined ? {} : { policies }),
    action: { ...action, workflowId: action.workflowId ?? id, args: [...(action.args ?? [])] },
    state: { paused: state.paused, ...(state.note === undefined ? {} : { note: state.note }) },
  }));
}

async function remove(client: Client, id: string): Promise<void> {
  try {
    await client.schedule.getHandle(id).delete();
  } catch (error) {
    if (!(error instanceof ScheduleNotFoundError)) throw error;
  }
}
