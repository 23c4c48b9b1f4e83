/** Activities of the simulated fleet: they answer at once, with results in the shape and size of the real ones. */
import { activityInfo } from '@temporalio/activity';
import type { Client } from '@temporalio/client';
import type { ComponentActivities } from '../../activities/component.ts';
import type { ControlActivities } from '../../activities/control.ts';
import { endlessBeatMs, withHeartbeat } from '../../activities/call/heartbeat.ts';
import { checkArguments } from '../../src/inputs/check-input.ts';
import { lockHolder } from '../../activities/lock-holder.ts';
import type { StorageActivities } from '../../activities/recovery-points.ts';
import type { UpkeepActivities } from '../../activities/copies.ts';
import type { WalActivities } from '../../activities/wal.ts';
import type { WatchActivities } from '../../activities/watch.ts';
import { dueTimes } from '../../src/client/temporal/due-times.ts';
import { roleOfKind } from '../../src/domain/component.ts';
import { backupIdOf, type ProbeResult, type Receipt } from '../../src/domain/recovery-point.ts';
import { jitterOf } from '../../src/domain/schedules.ts';
import { applianceOf, fleetAppliance } from './appliance.ts';
import { isOfDay, shiftsADay } from './compressed.ts';

const digest = 'b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c';
const repositoryId = '0198c8a4-7d5c-7000-8000-3f2a1b0c9d8e';

/** All of them, for one worker that serves the workflows and every role. Restores are not simulated. */
export function fleetActivities(client: Client) {
  const points = new Points();
  const shifts = new Shifts();
  const own = () => fleetAppliance(applianceOf(activityInfo().workflowExecution?.workflowId ?? ''));

  const control: Pick<ControlActivities, 'describeAppliance' | 'lockHolder' | 'dueSince' | 'channelsFor' | 'deliver'> =
    {
      describeAppliance: async (given) => {
        const appliance = own();
        return {
          name: appliance.name,
          host: appliance.host,
          searchable: true,
          rtoSeconds: appliance.objectives.rtoSeconds,
          components: appliance.components.map(({ id, kind, host, tier }) => ({ id, kind, host, tier })),
          locations: appliance.locations.map(({ name }) => name),
          verifyAfterBackup: appliance.verification.afterBackup,
          jitterSeconds: jitterOf(appliance, given.type),
          input: checkArguments(given.type, given.args, appliance),
        };
      },
      lockHolder: async ({ appliance }) => lockHolder(client, appliance),
      dueSince: async ({ scheduleId, since }) =>
        (await dueTimes(client, scheduleId, new Date(since), new Date())).map((time) => time.toISOString()),
      channelsFor: async () => ({ appliance: own().name, searchable: true, channels: ['slack'] }),
      deliver: async () => withHeartbeat(async () => undefined),
    };
  const component: Pick<
    ComponentActivities,
    'captureComponent' | 'stageComponent' | 'validateComponent' | 'undoComponent'
  > = {
    captureComponent: async ({ component: id }) => withHeartbeat(async () => receiptOf(id)),
    stageComponent: async ({ lockSince, runId }) =>
      withHeartbeat(async () => ({
        token: { lockStart: lockSince, runId, attempt: 1001 },
        files: 1200,
        bytes: 1_500_000_000,
        notes: [],
      })),
    validateComponent: async ({ component: id }) => withHeartbeat(async () => probesOf(id)),
    undoComponent: async () => withHeartbeat(async () => undefined),
  };
  const endless: WalActivities & WatchActivities = {
    archiveWal: async ({ seconds }) =>
      withHeartbeat(async ({ signal }) => {
        await shifts.work(seconds, signal);
        return { repositoryId, ...sessionResult() };
      }, endlessBeatMs),
    awaitChange: async ({ seconds }) =>
      withHeartbeat(async ({ signal }) => {
        await shifts.work(seconds, signal);
        return [];
      }, endlessBeatMs),
  };
  const storage: Pick<
    StorageActivities,
    'beginBackup' | 'sealBackup' | 'releaseBackup' | 'resolvePoint' | 'writeReport'
  > = {
    beginBackup: async () => withHeartbeat(async () => ({ backupId: points.next(own().name), repositoryId })),
    sealBackup: async () => withHeartbeat(async () => ({ bytes: 1_512_345_678, storedBytes: 12_345_678 })),
    releaseBackup: async () => withHeartbeat(async () => undefined),
    resolvePoint: async ({ at, components }) =>
      withHeartbeat(async () => {
        const chosen = own().components.filter(({ id }) => components.length === 0 || components.includes(id));
        return {
          repositoryId,
          backupId: at,
          components: chosen.map(({ id, kind, host }) => ({ id, host, role: roleOfKind(kind), backupId: at })),
          artefacts: [],
          skewSeconds: 0,
        };
      }),
    writeReport: async ({ type, id }) => withHeartbeat(async () => `reports/${type}/${id}.json`),
  };
  const upkeep: UpkeepActivities = {
    replicate: async () =>
      withHeartbeat(async () => ({
        objects: 4,
        bytes: 12_345_678,
        points: [backupIdOf(new Date())],
        problems: [],
      })),
    recordRestoreTest: async () => withHeartbeat(async () => undefined),
    verifyPoint: async ({ at }) =>
      withHeartbeat(async () => ({
        id: at,
        ok: true,
        objects: 214,
        bytes: 1_512_345_678,
        levels: ['L1', 'L3'] as const,
        problems: [],
      })),
    watchRpo: async () => withHeartbeat(async () => ({ news: [], levels: {}, breached: 0, most: 0, half: 0, ok: 8 })),
    noteRpo: async () => withHeartbeat(async () => undefined),
    verifyPlace: async () =>
      withHeartbeat(async () => ({
        id: backupIdOf(new Date()),
        ok: true,
        objects: 214,
        bytes: 1_512_345_678,
        problems: [],
        notes: [],
        reread: 31,
        refuted: [],
      })),
    planRetention: async () =>
      withHeartbeat(async () => ({
        keep: 141,
        remove: [backupIdOf(new Date())],
        removeCount: 1,
        walObjects: 0,
        walBytes: 0,
        usedBytes: 20_000_000_000,
        settledBytes: 22_000_000_000,
        alarm: '',
        refusals: [],
      })),
    applyRetention: async () =>
      withHeartbeat(async () => ({
        expired: 1,
        marked: 12,
        removed: 11,
        removedBytes: 12_345_678,
        walRemoved: 0,
        waitsFor: [],
      })),
    measureExposure: async () => withHeartbeat(async () => undefined),
  };
  return { ...control, ...component, ...endless, ...storage, ...upkeep };
}

/** Ids of recovery points: two of an appliance within a second are a second apart, as the repository keeps them. */
class Points {
  readonly #last = new Map<string, number>();

  next(appliance: string): string {
    const second = Math.max(Math.floor(Date.now() / 1000), (this.#last.get(appliance) ?? 0) + 1);
    this.#last.set(appliance, second);
    return backupIdOf(new Date(second * 1000));
  }
}

/** A shift lasts as long as it is asked to; those of the compressed day end at once, as many as a day has. */
class Shifts {
  readonly #done = new Map<string, number>();

  async work(seconds: number, signal: AbortSignal): Promise<void> {
    const { workflowId } = activityInfo().workflowExecution ?? { workflowId: '' };
    const done = this.#done.get(workflowId) ?? 0;
    this.#done.set(workflowId, done + 1);
    const isAtOnce = isOfDay(applianceOf(workflowId)) && done < shiftsADay;
    if (!isAtOnce) await waited(seconds * 1000, signal);
  }
}

async function waited(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    };
    signal.addEventListener('abort', stop, { once: true });
  });
}

function receiptOf(id: string): Receipt {
  const now = new Date().toISOString();
  return {
    id,
    kind: fleetAppliance('a').components.find((component) => component.id === id)?.kind ?? 'files',
    host: 'main',
    indexId: digest,
    files: 1200,
    bytes: 302_469_135,
    storedBytes: 2_469_135,
    capturedFrom: now,
    capturedUntil: now,
    quiescence: 'quiesced',
    suspect: false,
    facts: { version: '15.14', systemId: '7413370955423455123', timeline: 1, startLsn: '0/2B000028', rows: 1_234_567 },
  };
}

function probesOf(component: string): ProbeResult[] {
  return ['opens', 'rows of messages', 'rows of users', 'fingerprint'].map((name) => ({
    component,
    name,
    expected: digest,
    actual: digest,
    ok: true,
    content: true,
  }));
}

function sessionResult() {
  const endLsn = '0/2B000148';
  const coveredUntil = new Date().toISOString();
  return {
    session: {
      systemId: '7413370955423455123',
      segmentBytes: 16_777_216,
      timeline: 1,
      sealedTo: endLsn,
      coveredUntil,
      segments: 3,
      bytes: 4_194_304,
    },
    status: {
      state: 'continuous' as const,
      reason: '',
      base: backupIdOf(new Date()),
      timeline: 1,
      endLsn,
      coveredUntil,
    },
  };
}
