/**
 * The activities of one component, the same on every component queue: find the driver, call the operation, beat,
 * translate errors. Each may run twice and be killed anywhere: capture stores content-addressed objects, the restore
 * steps are fenced and journaled by the driver (src/drivers/driver.ts).
 */
import { activityInfo } from '@temporalio/activity';
import { isFailed, isHeld, leftOutProbe } from '../src/domain/probes.ts';
import type { ProbeResult, Receipt } from '../src/domain/recovery-point.ts';
import type { WalTarget } from '../src/domain/restore/target.ts';
import type { ComponentConfig } from '../src/domain/appliance.ts';
import { LifeboatError } from '../src/domain/errors.ts';
import type { Committed, Rebuilt, RestoreContext } from '../src/drivers/driver.ts';
import { captureComponent } from '../src/operations/backup/capture-component.ts';
import { captureIncrement } from '../src/operations/backup/capture-increment.ts';
import { newestRecord, recordOf } from '../src/operations/backup/find-record.ts';
import { describeTarget } from '../src/operations/restore/make-plan.ts';
import { keptOf, putBackComponent, takeBackComponent, type KeptView } from '../src/operations/restore/undo.ts';
import type { Dependencies } from './dependencies.ts';
import { translated } from './call/failures.ts';
import { withHeartbeat, type Beat } from './call/heartbeat.ts';
import type { FencingToken } from '../src/domain/fencing-token.ts';
import type { PlanTarget, UndoneRestore } from '../src/domain/restore/types.ts';

/** Which copy of the repository is read: the one in a location where it is named, else the repository itself. */
export interface CopyRequest {
  readonly location?: string;
}

export interface PointRequest extends CopyRequest {
  readonly repositoryId: string;
  readonly backupId: string;
  readonly component: string;
}

export interface CaptureRequest extends PointRequest {
  /** What changed since the last recovery point, by the cheapest way. */
  readonly increment?: boolean;
}

/** What every component activity of a restore is given. */
export interface ComponentRequest extends CopyRequest {
  readonly repositoryId: string;
  readonly backupId: string;
  readonly component: string;
  readonly lockSince: string;
  readonly runId: string;
  /** The token under which stage succeeded; null before it did. */
  readonly staged: FencingToken | null;
  readonly replaceDamaged: boolean;
  /** Databases only: how far beyond the recovery point archived WAL is replayed. */
  readonly wal?: WalTarget;
}

export interface RebuildRequest {
  readonly component: string;
  /** ISO 8601, of the run. */
  readonly since: string;
}

/** Undo of a committed restore: no repository is read. */
export interface PutBackRequest {
  readonly component: string;
  readonly lockSince: string;
  readonly runId: string;
  readonly of: UndoneRestore;
}

/** Probes go into histories: at most this many failed ones are carried there one by one. */
const failedProbesKept = 20;
const otherProbesKept = 20;
const heldProbesKept = 200;

/** One for each configured path. */
const notesKept = 20;

export type ComponentActivities = ReturnType<typeof createComponentActivities>;

export function createComponentActivities(deps: Dependencies) {
  /** A driver call of a restore with its context; `phase` orders the fencing tokens of a run's steps. */
  const restoring = <T>(
    request: ComponentRequest,
    phase: number,
    call: (context: RestoreContext) => Promise<T>,
  ): Promise<T> =>
    translated(request.component, () =>
      withHeartbeat(async (beat) => call(await contextOf(deps, request, phase, beat))),
    );

  return {
    async captureComponent(request: CaptureRequest): Promise<Receipt> {
      const { component, backupId } = request;
      return translated(component, () =>
        withHeartbeat(async (beat) => {
          const repository = await deps.repository(request.repositoryId);
          const capture = request.increment === true ? captureIncrement : captureComponent;
          return capture({
            repository,
            driver: await deps.driver(component),
            host: deps.appliance.host,
            backupId,
            previous: await newestRecord(repository, component),
            resumePacks: beat.last?.packs ?? [],
            onProgress: (state, packs) => {
              beat.report(state);
              if (packs.length > 0) beat.packs([...new Set([...(beat.last?.packs ?? []), ...packs])]);
            },
            signal: beat.signal,
          });
        }),
      );
    },

    async rebuildComponent({ component, since }: RebuildRequest): Promise<Rebuilt> {
      return translated(component, () =>
        withHeartbeat(async ({ signal }) => {
          const driver = await deps.driver(component);
          if (driver.rebuild === undefined)
            throw new LifeboatError('Precondition', `\`${component}\` cannot be built anew: it is no vector store`, {
              component,
            });
          return driver.rebuild({ since: new Date(since), signal });
        }),
      );
    },

    async describeTarget(request: PointRequest & { readonly wal?: WalTarget }): Promise<PlanTarget[]> {
      return translated(request.component, () =>
        withHeartbeat(async () => {
          const repository = await deps.repository(request.repositoryId, request.location);
          return describeTarget(
            await deps.driver(request.component),
            await recordOf(repository, request.backupId, request.component),
            request.wal,
          );
        }),
      );
    },

    async stageComponent(request: ComponentRequest): Promise<{
      readonly token: FencingToken;
      readonly files: number;
      readonly bytes: number;
      readonly notes?: readonly string[];
    }> {
      return restoring(request, 1, async (context) => {
        const { files, bytes, notes = [] } = await (await deps.driver(request.component)).stage(context);
        return { token: context.token, files, bytes, notes: notes.slice(0, notesKept) };
      });
    },

    async validateComponent(request: ComponentRequest): Promise<ProbeResult[]> {
      return restoring(request, 2, async (context) =>
        summarised(context, await (await deps.driver(request.component)).validate(context)),
      );
    },

    async finishComponent(request: ComponentRequest): Promise<ProbeResult[]> {
      return restoring(request, 2, async (context) => {
        const driver = await deps.driver(request.component);
        if (driver.finish === undefined)
          throw new LifeboatError('Internal', `component \`${request.component}\` has nothing to finish`);
        return summarised(context, await driver.finish(context));
      });
    },

    async swapComponent(request: ComponentRequest): Promise<void> {
      return restoring(request, 3, async (context) => (await deps.driver(request.component)).swap(context));
    },

    async probeComponent(request: ComponentRequest): Promise<ProbeResult[]> {
      return restoring(request, 4, async (context) =>
        summarised(context, await (await deps.driver(request.component)).probe(context)),
      );
    },

    async commitComponent(request: ComponentRequest): Promise<Committed> {
      return restoring(request, 5, async (context) => (await deps.driver(request.component)).commit(context));
    },

    async undoComponent(request: ComponentRequest): Promise<void> {
      return restoring(request, 9, async (context) => (await deps.driver(request.component)).undo(context));
    },

    /** Null where no restore's data is live. */
    async describeKept({ component }: { readonly component: string }): Promise<KeptView | null> {
      return translated(component, () => withHeartbeat(async () => (await keptOf(configOf(deps, component))) ?? null));
    },

    async putBackComponent(request: PutBackRequest): Promise<{ readonly safetyCopies: readonly string[] }> {
      return translated(request.component, () =>
        withHeartbeat(async ({ signal }) => ({
          safetyCopies: await putBackComponent({ ...(await putBackOf(deps, request, 3)), signal }),
        })),
      );
    },

    async takeBackComponent(request: PutBackRequest): Promise<void> {
      return translated(request.component, () =>
        withHeartbeat(async () => takeBackComponent(await putBackOf(deps, request, 9))),
      );
    },
  };
}

function configOf({ appliance }: Dependencies, component: string): ComponentConfig {
  const config = appliance.components.find(({ id }) => id === component);
  if (config !== undefined) return config;
  throw new LifeboatError('NotFound', `component \`${component}\` is not configured`, { component });
}

async function putBackOf(deps: Dependencies, { component, lockSince, runId, of }: PutBackRequest, phase: number) {
  const token = { lockStart: lockSince, runId, attempt: phase * 1000 + activityInfo().attempt };
  return { config: configOf(deps, component), driver: await deps.driver(component), token, of };
}

async function contextOf(
  deps: Dependencies,
  request: ComponentRequest,
  phase: number,
  beat: Beat,
): Promise<RestoreContext> {
  const repository = await deps.repository(request.repositoryId, request.location);
  const token: FencingToken = {
    lockStart: request.lockSince,
    runId: request.runId,
    attempt: phase * 1000 + activityInfo().attempt,
  };
  if (phase > 1 && phase < 9 && request.staged === null) {
    throw new LifeboatError('Internal', `component \`${request.component}\` was not staged before phase ${phase}`);
  }
  return {
    repository,
    record: await recordOf(repository, request.backupId, request.component),
    token,
    staged: request.staged ?? token,
    replaceDamaged: request.replaceDamaged,
    ...(request.wal === undefined ? {} : { wal: request.wal }),
    onProgress: beat.report,
    signal: beat.signal,
  };
}

/**
 * As many as a history has room for, failed ones first; what is left out is counted in the last one, so that no total
 * lies. What the capture did not carry stands among what was not compared.
 */
function summarised({ record }: RestoreContext, found: readonly ProbeResult[]): ProbeResult[] {
  const probes = [...found, ...leftOutProbe(record)];
  return [
    ...upTo(failedProbesKept, probes.filter(isFailed), 'fail'),
    ...upTo(
      otherProbesKept,
      probes.filter(({ notCompared }) => notCompared === true),
      'are not compared',
    ),
    ...upTo(heldProbesKept, probes.filter(isHeld), 'hold'),
  ].map((probe) => ({ ...probe, expected: probe.expected.slice(0, 200), actual: probe.actual.slice(0, 200) }));
}

function upTo(limit: number, probes: readonly ProbeResult[], actual: string): ProbeResult[] {
  const [first] = probes;
  const more = probes.length - limit;
  if (first === undefined || more <= 0) return [...probes];
  const { content: _ofOne, ...outcome } = first;
  return [...probes.slice(0, limit), { ...outcome, name: `${more} further probes`, expected: 'hold', actual }];
}
