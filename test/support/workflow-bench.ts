/**
 * Runs the real workflows on a real Temporal server with fake activities (the only place where fakes stand).
 * Every call is recorded as `name subject`; `behave` lets a test fail or delay one call.
 */
import { Client, WorkflowClient, WorkflowFailedError, Connection, type WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { NativeConnection, Runtime, Worker, type WorkerOptions } from '@temporalio/worker';
import { activityInfo, cancellationSignal, heartbeat } from '@temporalio/activity';
import type { ComponentActivities } from '../../activities/component.ts';
import type { ApplianceView, ControlActivities } from '../../activities/control.ts';
import { translated } from '../../activities/call/failures.ts';
import { lockHolder } from '../../activities/lock-holder.ts';
import type { PlatformActivities } from '../../activities/platform.ts';
import type { StorageActivities } from '../../activities/recovery-points.ts';
import type { UpkeepActivities } from '../../activities/copies.ts';
import type { WalActivities } from '../../activities/wal.ts';
import type { WatchActivities } from '../../activities/watch.ts';
import type { KeptView } from '../../src/operations/restore/undo.ts';
import { planUndo } from '../../src/domain/restore/plan-undo.ts';
import { planRestore } from '../../src/domain/restore/plan-restore.ts';
import type { JsonValue, ProbeResult, Receipt } from '../../src/domain/recovery-point.ts';
import { hashed } from '../../src/operations/restore/plan-hash.ts';
import { checkArguments } from '../../src/inputs/check-input.ts';
import { roleOfKind, roles } from '../../src/domain/component.ts';
import type { VerifiedPlace } from '../../src/operations/verify/place.ts';
import type { WalStatus } from '../../src/operations/wal/continuity.ts';
import { readablePayloads } from '../../src/client/temporal/readable-payloads.ts';
import { workflowBundle } from '../../workers/bundle.ts';
import { startTemporal } from './engines.ts';
import { temporaryFolder } from './temporary-folder.ts';
import type { PlanComponent, RestorePlan } from '../../src/domain/restore/types.ts';

export interface WorkflowBench {
  readonly client: Client;
  /** Like `client`, but the run's waits are skipped by the server. */
  readonly skipping: Client;
  readonly taskQueue: string;
  readonly calls: string[];
  readonly reports: { type: string; id: string; report: Readonly<Record<string, JsonValue>> }[];
  readonly messages: string[];
  /** Of the messages, in their order. */
  readonly severities: string[];
  /** Called before each fake activity acts; may throw or wait. Also before a run is told its appliance: `describe <type>`. */
  behave: (call: string, attempt: number) => Promise<void> | void;
  /** Calls that end as if nobody had cancelled them. */
  deaf: (call: string) => boolean;
  probes: (call: string) => ProbeResult[];
  /** Of what was staged. */
  validations: (call: string) => ProbeResult[];
  wasRunning: boolean;
  /** When the schedule was due while the run was open. */
  due: string[];
  /** What a plan says of newer recovery points: another one is another plan. */
  passedOver: readonly string[];
  /** Components whose source is damaged. */
  suspects: readonly string[];
  /** What the archive of WAL is worth after each shift; the last one stays. */
  walStates: WalStatus['state'][];
  locations: readonly string[];
  verifyAfterBackup: boolean;
  /** Of the schedule that started the run. */
  jitterSeconds: number;
  components: ApplianceView['components'];
  /** What each watch finds changed; then it waits until it is cancelled. */
  changes: string[][];
  /** What a location could not be given, because it is damaged here. */
  damaged: readonly string[];
  /** By location, the repository's under the empty name. */
  alarms: Record<string, string>;
  /** Of the RPO. */
  news: readonly string[];
  places: Record<string, Partial<VerifiedPlace>>;
  refusals: Record<string, string>;
  /** What a verification finds. */
  verification: { readonly ok: boolean; readonly problems: readonly string[] };
  reset(): void;
  /** Puts a worker with the workflows of another bundle in the place of the one that runs. */
  runWith(codePath: string): Promise<void>;
  /** Without any input where it is undefined. */
  start(type: string, input: unknown, id?: string, client?: Client): Promise<WorkflowHandle>;
  stop(): Promise<void>;
}

export const benchAppliance: ApplianceView = {
  name: 'wazuh',
  host: 'main',
  searchable: true,
  rtoSeconds: { critical: 14_400, full: 28_800, monitoring: 7200 },
  locations: [],
  verifyAfterBackup: false,
  jitterSeconds: 0,
  components: [
    { id: 'postgres', kind: 'postgres', host: 'main', tier: 'critical' },
    { id: 'redis', kind: 'redis', host: 'main', tier: 'critical' },
    { id: 'vectors', kind: 'vectorstore', host: 'main', tier: 'critical' },
  ],
};

const services = [
  { name: 'postgres', dependsOn: [] },
  { name: 'redis', dependsOn: [] },
  { name: 'app', dependsOn: ['postgres', 'redis'] },
];
const servicesOf: Readonly<Record<string, string[]>> = { postgres: ['postgres'], redis: ['redis'], vectors: ['app'] };

function heldProbe(component: string): ProbeResult[] {
  return [{ component, name: 'count', expected: '1', actual: '1', ok: true, content: true }];
}

export function benchPlan(chosen: readonly string[], keepNew = false): RestorePlan {
  const result = planRestore({
    backupId: '20261122_020000',
    appliance: 'wazuh',
    host: 'main',
    components: benchAppliance.components.map(({ id, kind, host }): PlanComponent => ({
      id,
      kind,
      host,
      tier: 'critical',
      priority: 1,
      services: servicesOf[id] ?? [],
      bytes: 10,
      backupId: '20261122_020000',
      moment: '2026-11-22T02:00:00.000Z',
    })),
    misfits: [],
    chosen,
    services,
    targets: [],
    now: '2026-11-22T03:00:00.000Z',
    skewSeconds: 0,
    stopFirst: false,
    pastRuns: [],
    replaceDamaged: false,
    keepNew,
  });
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return hashed(result.plan);
}

function benchUndoPlan(kept: readonly KeptView[], now: string): RestorePlan {
  const [first] = kept;
  if (first === undefined) refuse('NotFound', 'nothing to undo');
  return hashed(
    planUndo({
      keepNew: false,
      appliance: 'wazuh',
      host: 'main',
      components: benchAppliance.components
        .filter(({ id }) => kept.some(({ component }) => component === id))
        .map(({ id, kind, host }) => ({
          id,
          kind,
          host,
          tier: 'critical',
          priority: 1,
          services: servicesOf[id] ?? [],
          bytes: 10,
        })),
      services,
      undoes: first!.of,
      now,
    }),
  );
}

export async function startWorkflowBench(): Promise<WorkflowBench> {
  Runtime.install({ logger: { log() {}, trace() {}, debug() {}, info() {}, warn() {}, error() {} } });
  const folder = await temporaryFolder('bench');
  const temporal = await startTemporal({
    searchAttributes: {
      LifeboatAppliance: 'Keyword',
      LifeboatKind: 'Keyword',
      LifeboatState: 'Keyword',
      LifeboatWaitingOn: 'Keyword',
      LifeboatBackup: 'Keyword',
      LifeboatBreached: 'Bool',
      LifeboatDeadline: 'Datetime',
    },
  });
  const connection = await Connection.connect({ address: temporal.address });
  const native = await NativeConnection.connect({ address: temporal.address });
  const { namespace } = temporal;
  const client = new Client({ connection, namespace, dataConverter: readablePayloads });
  const skipping = new Client({ connection, namespace });
  Object.defineProperty(skipping, 'workflow', { value: new SkippingClient({ connection, namespace }) });
  const taskQueue = 'bench';
  /** Runs of this test, and of those before it, whose last messages are delivered while this one runs. */
  const runs = { current: new Set<string>(), earlier: new Set<string>() };

  const bench: WorkflowBench = {
    client,
    skipping,
    taskQueue,
    calls: [],
    reports: [],
    messages: [],
    severities: [],
    passedOver: [],
    behave: () => undefined,
    deaf: () => false,
    probes: heldProbe,
    validations: heldProbe,
    wasRunning: true,
    due: [],
    suspects: [],
    walStates: ['continuous'],
    locations: [],
    verifyAfterBackup: false,
    jitterSeconds: 0,
    components: benchAppliance.components,
    changes: [],
    damaged: [],
    alarms: {},
    news: [],
    places: {},
    refusals: {},
    verification: { ok: true, problems: [] },
    reset() {
      runs.current.forEach((id) => runs.earlier.add(id));
      runs.current.clear();
      bench.calls.length = 0;
      bench.reports.length = 0;
      bench.messages.length = 0;
      bench.severities.length = 0;
      bench.passedOver = [];
      bench.behave = () => undefined;
      bench.deaf = () => false;
      bench.probes = heldProbe;
      bench.validations = heldProbe;
      bench.wasRunning = true;
      bench.due = [];
      bench.suspects = [];
      bench.walStates = ['continuous'];
      bench.locations = [];
      bench.verifyAfterBackup = false;
      bench.jitterSeconds = 0;
      bench.components = benchAppliance.components;
      bench.changes = [];
      bench.damaged = [];
      bench.alarms = {};
      bench.news = [];
      bench.places = {};
      bench.refusals = {};
      bench.verification = { ok: true, problems: [] };
    },
    start: async (type, input, id = `${type}/wazuh/${Math.random()}`, using = client) => {
      runs.current.add(id);
      runs.earlier.delete(id);
      return using.workflow.start(type, { workflowId: id, taskQueue, args: input === undefined ? [] : [input] });
    },
    runWith: async (bundle) => {
      await workflows.stop();
      workflows = await workflowsOf(bundle);
    },
    stop: async () => {
      await Promise.all([workflows, ...workers].map(async (worker) => worker.stop()));
      await native.close();
      await connection.close();
      await temporal.stop();
      await folder.remove();
    },
  };

  const isEarlier = (notification: string): boolean =>
    [...runs.earlier].some((id) => notification.startsWith(`notification/${id}/`));
  const activities = fakeActivities(bench, client, isEarlier);
  const codePath = await workflowBundle(process.env['LIFEBOAT_BUNDLES'] ?? folder.path);
  const common = { connection: native, namespace, maxHeartbeatThrottleInterval: '100 ms' } as const;
  const workflowsOf = async (bundle: string): Promise<Running> =>
    running({ ...common, taskQueue, workflowBundle: { codePath: bundle }, activities: activities.control });
  const workers = await Promise.all(
    roles.map(async (role) =>
      running({ ...common, taskQueue: `${taskQueue}-${role}-main`, activities: activities.work }),
    ),
  );
  let workflows = await workflowsOf(codePath);
  return bench;
}

interface Running {
  readonly stop: () => Promise<void>;
}

async function running(options: WorkerOptions): Promise<Running> {
  const worker = await Worker.create(options);
  const run = worker.run();
  return {
    stop: async () => {
      worker.shutdown();
      await run;
    },
  };
}

function fakeActivities(bench: WorkflowBench, client: Client, isEarlier: (notification: string) => boolean) {
  const act = async <T>(call: string, result: () => T): Promise<T> => {
    bench.calls.push(call);
    const beat = setInterval(heartbeat, 50);
    try {
      const acted = bench.behave(call, activityInfo().attempt);
      await (bench.deaf(call) ? acted : Promise.race([acted, cancelled()]));
      return result();
    } finally {
      clearInterval(beat);
    }
  };
  const component: ComponentActivities = {
    captureComponent: async ({ component: id, increment = false }) =>
      act(`${increment ? 'increment' : 'capture'} ${id}`, () => receipt(id, bench.suspects.includes(id))),
    describeTarget: async () => [],
    rebuildComponent: async ({ component: id }) =>
      act(`rebuild ${id}`, () => ({ documents: 7, safetyCopy: `/old/${id}` })),
    stageComponent: async ({ component: id, lockSince, runId }) =>
      act(`stage ${id}`, () => ({
        token: { lockStart: lockSince, runId, attempt: 1000 + activityInfo().attempt },
        files: 1,
        bytes: 1,
        notes: id === 'vectors' ? ['attributes of vectors could not be given back'] : [],
      })),
    validateComponent: async ({ component: id }) => act(`validate ${id}`, () => bench.validations(id)),
    finishComponent: async ({ component: id }) => act(`finish ${id}`, () => []),
    swapComponent: async ({ component: id }) => act(`swap ${id}`, () => undefined),
    probeComponent: async ({ component: id }) => act(`probe ${id}`, () => bench.probes(id)),
    commitComponent: async ({ component: id }) => act(`commit ${id}`, () => ({ safetyCopies: [`/old/${id}`] })),
    undoComponent: async ({ component: id }) => act(`undo ${id}`, () => undefined),
    describeKept: async ({ component: id }) =>
      act(`kept ${id}`, () =>
        id === 'vectors'
          ? null
          : { component: id, of: { runId: 'r', lockStart: '2026-11-22T02:00:00.000Z' }, bytes: 1, problem: '' },
      ),
    putBackComponent: async ({ component: id }) => act(`put-back ${id}`, () => ({ safetyCopies: [`/new/${id}`] })),
    takeBackComponent: async ({ component: id }) => act(`take-back ${id}`, () => undefined),
  };
  const wal: WalActivities = {
    archiveWal: async ({ component: id, seconds }) =>
      act(`archive ${id} for ${seconds} s`, () => {
        const state = (bench.walStates.length > 1 ? bench.walStates.shift() : bench.walStates[0]) ?? 'none';
        return {
          repositoryId: 'r',
          session: {
            systemId: '1',
            segmentBytes: 1,
            timeline: 1,
            sealedTo: '0/1',
            coveredUntil: null,
            segments: 1,
            bytes: 1,
          },
          status: {
            state,
            reason: state === 'broken' ? 'there is a hole in the archive' : '',
            base: state === 'continuous' ? '20261122_020000' : null,
            timeline: 1,
            endLsn: '0/1',
            coveredUntil: null,
          },
        };
      }),
  };
  const storage: StorageActivities = {
    beginBackup: async () => act('begin', () => ({ backupId: '20261122_020000', repositoryId: 'r' })),
    sealBackup: async ({ receipts, failures }) =>
      act(
        `seal ${receipts.map(({ id }) => id).join('+')} without ${failures.map(({ component: id }) => id).join('+')}`,
        () => ({ bytes: 10, storedBytes: 5 }),
      ),
    releaseBackup: async () => act('release', () => undefined),
    resolvePoint: async ({ components, rebuild = [] }) =>
      act('resolve', () => ({
        repositoryId: 'r',
        backupId: '20261122_020000',
        components: benchAppliance.components
          .filter(({ id }) => (components.length === 0 || components.includes(id)) && !rebuild.includes(id))
          .map(({ id, kind, host }) => ({ id, host, role: roleOfKind(kind), backupId: '20261122_020000' })),
        artefacts: [],
        skewSeconds: 0,
      })),
    reseedRepository: async ({ location }) => act(`adopt ${location}`, () => ({ adopted: true })),
    makePlan: async ({ components, rebuild = [], keepNew }) =>
      act('plan', () => {
        const all = components.length > 0 ? components : benchAppliance.components.map(({ id }) => id);
        const chosen = rebuild.length === 0 ? components : all.filter((id) => !rebuild.includes(id));
        const { hash: _hash, ...plan } = benchPlan(chosen, keepNew);
        const { passedOver } = bench;
        return hashed({
          ...plan,
          ...(passedOver.length === 0 ? {} : { passedOver }),
          ...(rebuild.length === 0 ? {} : { rebuilds: rebuild }),
        });
      }),
    verifyObjects: async () => act('verify', () => ({ objects: 3 })),
    writeReport: async (report) => act('report', () => (bench.reports.push(report), 'key')),
  };
  const upkeep: UpkeepActivities = {
    replicate: async ({ location }) =>
      act(`replicate ${location}`, () => ({
        objects: 2,
        bytes: 10,
        points: ['20261122_020000'],
        problems: bench.damaged,
      })),
    recordRestoreTest: async ({ problems, unproven = [] }) =>
      act(
        `test with ${problems.length} problems${unproven.length === 0 ? '' : `, nothing of ${unproven.join(', ')}`}`,
        () => undefined,
      ),
    verifyPoint: async ({ at }) =>
      act('verifyPoint', () => ({ id: at, objects: 3, bytes: 10, levels: ['L1', 'L3'], ...bench.verification })),
    watchRpo: async () =>
      act('watch RPO', () => ({ news: bench.news, levels: {}, breached: 1, most: 0, half: 0, ok: 2 })),
    noteRpo: async () => act('note RPO', () => undefined),
    verifyPlace: async ({ location }) =>
      act(`verify ${location}`, () => ({
        id: '20261122_020000',
        ok: true,
        objects: 3,
        bytes: 30,
        problems: [],
        notes: [],
        reread: 1,
        refuted: [],
        ...bench.places[location],
      })),
    planRetention: async ({ location }) =>
      act(`plan retention of ${location}`, () => ({
        keep: 5,
        remove: ['20261001_020000'],
        removeCount: 1,
        walObjects: 0,
        walBytes: 0,
        usedBytes: 1000,
        settledBytes: 2000,
        alarm: bench.alarms[location] ?? '',
        refusals: bench.refusals[location] === undefined ? [] : [bench.refusals[location]],
      })),
    applyRetention: async ({ location, maxShare }) =>
      act(`retain ${location} up to ${maxShare}`, () => ({
        expired: 1,
        marked: 2,
        removed: 3,
        removedBytes: 300,
        walRemoved: 0,
        waitsFor: [],
      })),
    measureExposure: async ({ location }) => act(`measure ${location}`, () => undefined),
  };
  const platform: PlatformActivities = {
    isRunning: async () => bench.wasRunning,
    stopService: async ({ service }) => act(`stop ${service}`, () => undefined),
    startService: async ({ service }) => act(`start ${service}`, () => undefined),
    checkHealth: async () => act('health', () => ({ text: 'ok' })),
  };
  const control: ControlActivities = {
    describeAppliance: async (given) => {
      await bench.behave(`describe ${given.type}`, activityInfo().attempt);
      return translated(undefined, async () => {
        const { components, locations, verifyAfterBackup, jitterSeconds } = bench;
        const named = { name: benchAppliance.name, components, locations: locations.map((name) => ({ name })) };
        return {
          ...benchAppliance,
          components,
          locations,
          verifyAfterBackup,
          jitterSeconds,
          input: checkArguments(given.type, given.args, named),
        };
      });
    },
    lockHolder: async ({ appliance }) => lockHolder(client, appliance),
    cancelRun: async ({ workflowId }) =>
      act(`cancel ${workflowId}`, () => undefined).then(
        async () => void (await client.workflow.getHandle(workflowId).cancel()),
      ),
    dueSince: async ({ scheduleId }) => act(`due ${scheduleId}`, () => bench.due),
    makeUndoPlan: async ({ kept, now }) => act('plan', () => benchUndoPlan(kept, now)),
    channelsFor: async () => ({ appliance: benchAppliance.name, searchable: true, channels: ['slack'] }),
    deliver: async ({ text = '', run = '', severity = '' }) => {
      if (isEarlier(activityInfo().workflowExecution?.workflowId ?? '')) return;
      // As the channel `slack` says it.
      bench.messages.push(run === '' ? text : `${text} (${run})`);
      bench.severities.push(severity);
    },
  };
  const watch: WatchActivities = {
    awaitChange: async ({ components }) => {
      const found = bench.changes.shift();
      return act(`watch ${components.join('+')}`, () => found ?? []);
    },
  };
  return { control, work: { ...component, ...wal, ...watch, ...storage, ...upkeep, ...platform } };
}

async function cancelled(): Promise<never> {
  return new Promise((_, reject) => {
    const signal = cancellationSignal();
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}

function receipt(id: string, suspect: boolean): Receipt {
  return {
    id,
    kind: 'files',
    host: 'main',
    indexId: 'i',
    files: 1,
    bytes: 10,
    storedBytes: 5,
    capturedFrom: '2026-11-22T02:00:00.000Z',
    capturedUntil: '2026-11-22T02:00:01.000Z',
    quiescence: 'quiesced',
    suspect,
    facts: {
      ...(id === 'vectors' ? { note: 'attributes of vectors were not captured' } : {}),
      ...(suspect ? { notes: ['corrupt page: base/5/1259 block 3'] } : {}),
    },
  };
}

export function refuse(code: string, message = `made to fail with ${code}`): never {
  throw ApplicationFailure.nonRetryable(message, code);
}

/** The root cause of a run's failure. */
export async function failureOf(handle: WorkflowHandle): Promise<{ type: string; message: string }> {
  try {
    await handle.result();
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    let cause: Error & { type?: string | null } = error;
    while (cause.cause instanceof Error) cause = cause.cause;
    return { type: cause.type ?? cause.name, message: cause.message };
  }
  throw new Error('the run did not fail');
}

/** The server skips a run's timers while nothing else is under way; no option of the SDK says so yet. */
class SkippingClient extends WorkflowClient {
  protected override async createStartWorkflowRequest(
    ...args: Parameters<WorkflowClient['createStartWorkflowRequest']>
  ): ReturnType<WorkflowClient['createStartWorkflowRequest']> {
    const request = await super.createStartWorkflowRequest(...args);
    return { ...request, timeSkippingConfig: { enabled: true } };
  }
}
