/** The steps of a restore and what each comes after: the guide's graph as data. Pure. */
import { roleOfKind, type ComponentKind, type Tier } from '../component.ts';
import { dependentsOf, topologicalOrder } from '../plan/graph.ts';
import type { Branch, PlanComponent, PlanInput, PlanService, PlanStep } from './types.ts';

/** Seeds for the estimate: measured on 2 cores, halved. The durations of own runs replace them. */
const stageBytesPerSecond = 200e6;
const validateBytesPerSecond = 150e6;

export type StepInput = Pick<PlanInput, 'host' | 'services' | 'stopFirst' | 'keepNew'>;

/** What happens when it fails follows from its kind. */
type Draft = Omit<PlanStep, 'phase' | 'onFailure'>;

/** What all steps are made from. */
interface Graph {
  readonly input: StepInput;
  readonly chosen: readonly PlanComponent[];
  /** Services that stop, in the order of starting. */
  readonly startOrder: readonly string[];
  readonly stopIds: readonly string[];
  readonly depends: ReadonlyMap<string, readonly string[]>;
  /** What the database stands on and is. */
  readonly coreServices: readonly string[];
  /** Engines and what they stand on: nothing in here may wait for a probe. */
  readonly foundation: ReadonlySet<string>;
}

const verifyId = 'verify';
const stageId = ({ id }: PlanComponent): string => `stage:${id}`;
const validateId = ({ id }: PlanComponent): string => `validate:${id}`;
const finishId = ({ id }: PlanComponent): string => `finish:${id}`;
const swapId = ({ id }: PlanComponent): string => `swap:${id}`;
const probeId = ({ id }: PlanComponent): string => `probe:${id}`;
const stopId = (service: string): string => `stop:${service}`;
const startId = (service: string): string => `start:${service}`;

/** Services that must stop while the components are exchanged, each after what it depends on. */
export function startOrderOf(components: readonly PlanComponent[], services: readonly PlanService[]): string[] {
  const nodes = services.map(({ name, dependsOn }) => ({ id: name, after: dependsOn }));
  const stopped = dependentsOf(
    components.flatMap((component) => component.services),
    nodes,
  );
  return topologicalOrder(nodes).filter((name) => stopped.has(name));
}

/** `startOrder` holds the services that must stop, each after what it depends on. */
export function buildSteps(
  input: StepInput,
  chosen: readonly PlanComponent[],
  startOrder: readonly string[],
): PlanStep[] {
  const depends = new Map(input.services.map(({ name, dependsOn }) => [name, dependsOn]));
  const engines = chosen.filter(runsOnEngine).flatMap(({ services }) => services);
  const graph: Graph = {
    input,
    chosen,
    startOrder,
    stopIds: [...startOrder].reverse().map(stopId),
    depends,
    coreServices: coreServicesOf(chosen, startOrder, depends),
    foundation: new Set(engines.flatMap((name) => servicesBelow(name, depends))),
  };
  const drafts = [
    ...sourceSteps(graph),
    ...stopSteps(graph),
    ...chosen.filter(waitsForTheEnd).map((component) => finishStep(component, graph)),
    ...chosen.map((component) => swapStep(component, graph)),
    ...startOrder.map((service) => startStep(service, graph)),
    ...proofSteps(graph),
  ];
  return drafts.map((step) => ({ ...step, ...policyOf(step, input.keepNew) }));
}

/** The new data is live when commits begin: a clean-up that fails is told. */
function policyOf({ kind }: Draft, keepNew: boolean): Pick<PlanStep, 'phase' | 'onFailure'> {
  if (kind === 'commit') return { phase: 'after-pivot', onFailure: 'continue' };
  const isProof = kind === 'probe' || kind === 'health';
  return { phase: 'before-pivot', onFailure: isProof && keepNew ? 'continue' : 'unwind' };
}

/** Verify, then stage and validate each component beside the live data. */
function sourceSteps({ input, chosen, stopIds }: Graph): Draft[] {
  const after = input.stopFirst ? stopIds : [];
  const verify: Draft = {
    id: verifyId,
    kind: 'verify',
    subject: '',
    queue: storageQueue(input),
    after,
    branch: 'source',
    estimateSeconds: 5,
  };
  const staging = chosen.flatMap((component): Draft[] => {
    const common = { subject: component.id, queue: queueOf(component), branch: branchOf(component) };
    const { bytes } = component;
    return [
      {
        ...common,
        id: stageId(component),
        kind: 'stage',
        after: [verifyId],
        estimateSeconds: 3 + bytes / stageBytesPerSecond,
      },
      {
        ...common,
        id: validateId(component),
        kind: 'validate',
        after: [stageId(component)],
        estimateSeconds: 5 + bytes / validateBytesPerSecond,
      },
    ];
  });
  return [verify, ...staging];
}

/** A service stops after everything that stands on it and, unless the guide's order is asked for, after all is validated. */
function stopSteps({ input, chosen, startOrder, depends }: Graph): Draft[] {
  const validated = input.stopFirst ? [] : chosen.map(validateId);
  return [...startOrder].reverse().map((service): Draft => {
    const dependents = startOrder.filter((other) => depends.get(other)?.includes(service)).map(stopId);
    return {
      id: stopId(service),
      kind: 'stop',
      subject: service,
      queue: platformQueue(input),
      after: [...validated, ...dependents],
      branch: 'core',
      estimateSeconds: 10,
    };
  });
}

/** Its last WAL comes when its server has stopped. */
function waitsForTheEnd({ wal }: PlanComponent): boolean {
  return wal?.kind === 'latest';
}

function finishStep(component: PlanComponent, { stopIds }: Graph): Draft {
  return {
    id: finishId(component),
    kind: 'finish',
    subject: component.id,
    queue: queueOf(component),
    after: [validateId(component), ...stopIds],
    branch: branchOf(component),
    estimateSeconds: 5 + component.bytes / validateBytesPerSecond,
  };
}

/** Application data comes after the core services are up; everything else swaps as soon as the services stand still. */
function swapStep(component: PlanComponent, { stopIds, chosen, coreServices }: Graph): Draft {
  const branch = branchOf(component);
  const coreReady = [...chosen.filter(isCoreData).map(swapId), ...coreServices.map(startId)];
  return {
    id: swapId(component),
    kind: 'swap',
    subject: component.id,
    queue: queueOf(component),
    after: [
      waitsForTheEnd(component) ? finishId(component) : validateId(component),
      ...stopIds,
      ...(branch === 'application-data' ? coreReady : []),
    ],
    branch,
    estimateSeconds: 3,
  };
}

/**
 * An engine starts on its own data. A service that is no engine reads and writes all of it: it starts when every branch
 * has joined and is proven; a probe beside a writing app would compare with what the app has just changed.
 */
function startStep(
  service: string,
  { input, chosen, startOrder, stopIds, depends, coreServices, foundation }: Graph,
): Draft {
  const data = chosen.filter(({ services }) => services.includes(service));
  const isCore = coreServices.includes(service);
  const isEngine = isCore || foundation.has(service);
  const isMonitoring = data.length > 0 && data.every((component) => branchOf(component) === 'monitoring');
  const others = chosen.filter((component) => (isCore ? isCoreData(component) : branchOf(component) !== 'monitoring'));
  const joined = isCore || (!isEngine && !isMonitoring) ? others : [];
  const waits = [...data, ...joined];
  const below = (depends.get(service) ?? []).filter((other) => startOrder.includes(other));
  return {
    id: startId(service),
    kind: 'start',
    subject: service,
    queue: platformQueue(input),
    after: [
      ...new Set([...stopIds, ...waits.map(swapId), ...(isEngine ? [] : waits.map(probeId)), ...below.map(startId)]),
    ],
    branch: isCore ? 'core' : isMonitoring ? 'monitoring' : isEngine ? 'application-data' : 'ai',
    estimateSeconds: 20,
  };
}

/** Probes as soon as data and engine are there; health when all is up; commits last. */
function proofSteps({ input, chosen, startOrder }: Graph): Draft[] {
  const probes = chosen.map((component): Draft => {
    const engines = runsOnEngine(component) ? component.services.map(startId) : [];
    const after = [swapId(component), ...engines];
    return {
      id: probeId(component),
      kind: 'probe',
      subject: component.id,
      queue: queueOf(component),
      after,
      branch: 'health',
      estimateSeconds: 5,
    };
  });
  const up = [...chosen.map(probeId), ...startOrder.map(startId)];
  const health: Draft = {
    id: 'health',
    kind: 'health',
    subject: '',
    queue: platformQueue(input),
    after: up,
    branch: 'health',
    estimateSeconds: 10,
  };
  const commits = chosen.map((component): Draft => ({
    id: `commit:${component.id}`,
    kind: 'commit',
    subject: component.id,
    queue: queueOf(component),
    after: ['health'],
    branch: 'health',
    estimateSeconds: 1,
  }));
  return [...probes, health, ...commits];
}

const platformQueue = ({ host }: StepInput): PlanStep['queue'] => ({ role: 'platform', host });
const storageQueue = ({ host }: StepInput): PlanStep['queue'] => ({ role: 'storage', host });
const queueOf = ({ kind, host }: PlanComponent): PlanStep['queue'] => ({ role: roleOfKind(kind), host });

/** Its services are the engine itself: the probe asks the running engine. The others are probed where they lie. */
function runsOnEngine({ kind }: { readonly kind: ComponentKind }): boolean {
  return kind === 'postgres' || kind === 'redis';
}

/** The branch of the guide's graph that a component restores. */
export function branchOf({ kind, tier }: { readonly kind: ComponentKind; readonly tier: Tier }): Branch {
  if (tier === 'monitoring') return 'monitoring';
  if (kind === 'postgres') return 'database';
  if (kind === 'vectorstore') return 'vectorstore';
  if (kind === 'models') return 'ai';
  return kind === 'files' && tier === 'configuration' ? 'configuration' : 'application-data';
}

function isCoreData(component: PlanComponent): boolean {
  return ['database', 'configuration'].includes(branchOf(component));
}

/**
 * Core services: what the database stands on and is, as far as none of it runs on data that itself waits for the core
 * (a service that serves database and cache alike would make the graph a cycle).
 */
function coreServicesOf(
  chosen: readonly PlanComponent[],
  startOrder: readonly string[],
  depends: ReadonlyMap<string, readonly string[]>,
): string[] {
  const users = (name: string): PlanComponent[] => chosen.filter(({ services }) => services.includes(name));
  const engines = startOrder.filter((name) => users(name).some((component) => branchOf(component) === 'database'));
  const groups = engines.map((name) => servicesBelow(name, depends).filter((other) => startOrder.includes(other)));
  return [...new Set(groups.filter((group) => group.every((name) => users(name).every(isCoreData))).flat())];
}

/** A service and everything that it stands on. */
function servicesBelow(name: string, depends: ReadonlyMap<string, readonly string[]>): string[] {
  return [name, ...(depends.get(name) ?? []).flatMap((other) => servicesBelow(other, depends))];
}
