/** Undo of a committed restore, by what its swap journals on this host say: needs neither repository nor Temporal's memory. */
import type { ComponentConfig } from '../../domain/appliance.ts';
import { LifeboatError } from '../../domain/errors.ts';
import { planUndo } from '../../domain/restore/plan-undo.ts';
import type { Driver } from '../../drivers/driver.ts';
import { treeBytes } from '../../drivers/tree/tree-threads.ts';
import { keptRestore, putBack } from '../../drivers/swap/put-back.ts';
import { swapBack, swapState } from '../../drivers/swap/swap.ts';
import { isSameRun } from '../../drivers/swap/token.ts';
import { firstLive } from '../first-live.ts';
import { refuseUnsteerable, type Steered } from './make-plan.ts';
import { hashed } from './plan-hash.ts';
import type { FencingToken } from '../../domain/fencing-token.ts';
import type { RestorePlan, UndoneRestore } from '../../domain/restore/types.ts';

/** What a component keeps of the restore whose data is live. */
export interface KeptView {
  readonly component: string;
  readonly of: UndoneRestore;
  /** Bytes of the old data. */
  readonly bytes: number;
  /** Why it cannot be put back; empty where it can. */
  readonly problem: string;
}

export interface PutBackOptions {
  readonly config: ComponentConfig;
  readonly driver: Driver;
  readonly token: FencingToken;
  readonly of: UndoneRestore;
  readonly signal: AbortSignal;
}

/** Undefined where no restore's data is live. Reads only. */
export async function keptOf(config: ComponentConfig): Promise<KeptView | undefined> {
  const kept = await keptRestore({ component: config.id, lives: [firstLive(config)] });
  if (kept === undefined) return undefined;
  const { token, paths, problem } = kept;
  const sizes = await Promise.all(
    paths.map(async ({ kept: path }) => (path === undefined ? 0 : treeBytes(path).catch(() => 0))),
  );
  return {
    component: config.id,
    of: { runId: token.runId, lockStart: token.lockStart },
    bytes: sizes.reduce((sum, bytes) => sum + bytes, 0),
    problem: problem === '' ? emptinessOf(config, paths) : problem,
  };
}

/** What was not there may go again, but PostgreSQL would not start without its data. */
function emptinessOf({ kind }: ComponentConfig, paths: readonly { readonly kept: string | undefined }[]): string {
  const hadData = paths.some(({ kept }) => kept !== undefined);
  return hadData || kind !== 'postgres' ? '' : 'there was no data before the restore: nothing can be put back';
}

/**
 * The plan to undo the newest restore that is live somewhere, for the components that it restored and that were asked for. NotFound where
 * none is live, Precondition where what it replaced is gone.
 */
export async function makeUndoPlan(
  { appliance, platform }: Steered,
  kept: readonly KeptView[],
  chosen: readonly string[],
  { now, keepNew }: { readonly now: Date; readonly keepNew: boolean },
): Promise<RestorePlan> {
  const asked = kept.filter(({ component }) => chosen.length === 0 || chosen.includes(component));
  const newest = asked.reduce<KeptView | undefined>(
    (best, each) => (best === undefined || Date.parse(each.of.lockStart) > Date.parse(best.of.lockStart) ? each : best),
    undefined,
  );
  if (newest === undefined)
    throw new LifeboatError('NotFound', 'no restored data is live; there is nothing to undo', {
      hint: 'restore a recovery point instead: `lifeboat restore plan`',
    });
  const ofIt = asked.filter(({ of }) => of.runId === newest.of.runId && of.lockStart === newest.of.lockStart);
  const elsewhere = chosen.filter((id) => !ofIt.some(({ component }) => component === id));
  if (elsewhere.length > 0)
    throw precondition(`the restore of ${newest.of.lockStart} did not restore ${elsewhere.join(', ')}`, elsewhere[0]);
  const broken = ofIt.find(({ problem }) => problem !== '');
  if (broken !== undefined) throw precondition(`${broken.component}: ${broken.problem}`, broken.component);
  const plan = planUndo({
    appliance: appliance.name,
    host: appliance.host,
    components: appliance.components.flatMap((config) => {
      const view = ofIt.find(({ component }) => component === config.id);
      return view === undefined ? [] : [{ ...config, bytes: view.bytes }];
    }),
    services: appliance.services.map(({ name, dependsOn }) => ({ name, dependsOn })),
    undoes: newest.of,
    now: now.toISOString(),
    keepNew,
  });
  await refuseUnsteerable(plan, { appliance, platform });
  return hashed(plan);
}

/** The old data is live afterwards, the restored data beside it. May be called twice. */
export async function putBackComponent({ config, driver, token, of, signal }: PutBackOptions): Promise<string[]> {
  const target = targetOf(config, token);
  if (!(await isLiveOf(target, token))) await driver.requireStopped?.();
  await putBack({ ...target, tuning: { signal } }, of);
  return [...(await swapState(target)).safetyCopies];
}

/** The undo of the undo, when the old data does not work. Does nothing where this run put nothing back. */
export async function takeBackComponent({
  config,
  driver,
  token,
}: Pick<PutBackOptions, 'config' | 'driver' | 'token'>): Promise<void> {
  const target = targetOf(config, token);
  if (await isLiveOf(target, token)) await driver.requireStopped?.();
  await swapBack(target);
}

function targetOf(config: ComponentConfig, token: FencingToken) {
  return { component: config.id, lives: [firstLive(config)], token };
}

async function isLiveOf(target: ReturnType<typeof targetOf>, token: FencingToken): Promise<boolean> {
  const state = await swapState(target);
  return state.phase === 'swapped' && state.token !== undefined && isSameRun(state.token, token);
}

function precondition(message: string, component: string | undefined): LifeboatError {
  return new LifeboatError('Precondition', `${message}; nothing was stopped`, {
    ...(component === undefined ? {} : { component }),
    hint: 'choose with --components, or restore a recovery point: `lifeboat restore plan`',
  });
}
