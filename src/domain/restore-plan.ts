/**
 * The restore graph (guide, recovery dependencies, D3.11) as data: pure planning from a manifest's records, the
 * configured services and what each driver said of its target. Gives a plan or all problems at once.
 *
 * Guide: Stop → Verify → {Database ∥ Configuration ∥ Vector store}; Database + Configuration → Core services;
 * Core → Application data; Vector store + Application data → AI services → Health → Complete.
 * Ours differs in two things: verify, stage and validate run before anything stops (`stopFirst` gives the guide's order),
 * and the content is probed when the engines are up and before the services that write to them start.
 */
import type { ComponentKind, Priority, Role, Tier } from './component.ts';
import { roleOfKind } from './component.ts';
import { danglingEdges, dependentsOf, findCycle, topologicalOrder } from './graph.ts';

export const planVersion = 1;

export const stepKinds = ['verify', 'stage', 'validate', 'stop', 'swap', 'start', 'health', 'probe', 'commit'] as const;
export type StepKind = (typeof stepKinds)[number];

export interface PlanStep {
  readonly id: string;
  readonly kind: StepKind;
  /** Component id or service name; empty for steps of the whole. */
  readonly subject: string;
  readonly queue: { readonly role: Role; readonly host: string };
  readonly after: readonly string[];
  /** The node of the guide's graph that this step belongs to. */
  readonly branch: Branch;
  readonly estimateSeconds: number;
}

export const branches = [
  'source',
  'database',
  'configuration',
  'vectorstore',
  'core',
  'application-data',
  'ai',
  'monitoring',
  'health',
] as const;
export type Branch = (typeof branches)[number];

export interface PlanComponent {
  readonly id: string;
  readonly kind: ComponentKind;
  readonly host: string;
  readonly tier: Tier;
  readonly priority: Priority;
  readonly services: readonly string[];
  readonly indexId: string;
  readonly bytes: number;
  readonly capturedUntil: string;
}

export interface PlanService {
  readonly name: string;
  readonly dependsOn: readonly string[];
}

/** What a driver said of the place that it would restore to. */
export interface PlanTarget {
  readonly component: string;
  readonly path: string;
  readonly device: string;
  readonly needBytes: number;
  readonly freeBytes: number;
  readonly liveBytes: number;
  readonly problems: readonly { readonly code: string; readonly message: string; readonly hint: string }[];
}

export interface PlanInput {
  readonly backupId: string;
  readonly appliance: string;
  readonly host: string;
  readonly components: readonly PlanComponent[];
  /** Ids to restore; empty means all of the recovery point. */
  readonly chosen: readonly string[];
  readonly services: readonly PlanService[];
  readonly targets: readonly PlanTarget[];
  /** ISO time of planning: the loss is counted to it. */
  readonly now: string;
  readonly skewSeconds: number;
  readonly stopFirst: boolean;
  readonly replaceDamaged: boolean;
}

export interface RestorePlan {
  readonly version: number;
  readonly backupId: string;
  readonly appliance: string;
  readonly components: readonly {
    readonly id: string;
    readonly kind: ComponentKind;
    readonly bytes: number;
    readonly lossSeconds: number;
  }[];
  /** Services that stop, in the order of stopping. */
  readonly stops: readonly string[];
  readonly steps: readonly PlanStep[];
  readonly disks: readonly {
    readonly device: string;
    readonly path: string;
    readonly needBytes: number;
    readonly freeBytes: number;
  }[];
  readonly skewSeconds: number;
  readonly bytes: number;
  readonly estimateSeconds: number;
}

export interface PlanProblem {
  readonly code: string;
  readonly subject: string;
  readonly message: string;
  readonly hint: string;
}

export type PlanResult =
  { readonly ok: true; readonly plan: RestorePlan } | { readonly ok: false; readonly problems: readonly PlanProblem[] };

export function planRestore(input: PlanInput): PlanResult {
  const problems = [...choiceProblems(input), ...graphProblems(input), ...targetProblems(input)];
  if (problems.length > 0) return { ok: false, problems };

  const chosen = input.components.filter(({ id }) => input.chosen.length === 0 || input.chosen.includes(id));
  const nodes = input.services.map(({ name, dependsOn }) => ({ id: name, after: dependsOn }));
  const stopped = dependentsOf(
    chosen.flatMap(({ services }) => services),
    nodes,
  );
  const startOrder = topologicalOrder(nodes).filter((name) => stopped.has(name));
  const steps = buildSteps(input, chosen, startOrder);
  const now = Date.parse(input.now);
  return {
    ok: true,
    plan: {
      version: planVersion,
      backupId: input.backupId,
      appliance: input.appliance,
      components: chosen.map(({ id, kind, bytes, capturedUntil }) => ({
        id,
        kind,
        bytes,
        lossSeconds: Math.max(0, Math.round((now - Date.parse(capturedUntil)) / 1000)),
      })),
      stops: [...startOrder].reverse(),
      steps,
      disks: disksOf(input),
      skewSeconds: input.skewSeconds,
      bytes: chosen.reduce((sum, { bytes }) => sum + bytes, 0),
      estimateSeconds: criticalPathSeconds(steps),
    },
  };
}

function choiceProblems({ components, chosen, backupId }: PlanInput): PlanProblem[] {
  const known = new Set(components.map(({ id }) => id));
  const unknown = chosen
    .filter((id) => !known.has(id))
    .map((id) => ({
      code: 'NotFound',
      subject: id,
      message: `recovery point ${backupId} holds no component \`${id}\``,
      hint: `it holds: ${[...known].join(', ')}`,
    }));
  if (components.length > 0) return unknown;
  return [
    ...unknown,
    {
      code: 'PlanInvalid',
      subject: backupId,
      message: `recovery point ${backupId} holds no component`,
      hint: 'choose another one',
    },
  ];
}

function graphProblems({ components, services }: PlanInput): PlanProblem[] {
  const nodes = services.map(({ name, dependsOn }) => ({ id: name, after: dependsOn }));
  const known = new Set(services.map(({ name }) => name));
  const hint = 'mend `services` in lifeboat.yaml';
  const problems: PlanProblem[] = danglingEdges(nodes).map(([from, missing]) => ({
    code: 'PlanInvalid',
    subject: from,
    message: `service \`${from}\` depends on the unknown service \`${missing}\``,
    hint,
  }));
  for (const { id, services: own } of components) {
    for (const name of own.filter((service) => !known.has(service))) {
      problems.push({
        code: 'PlanInvalid',
        subject: id,
        message: `component \`${id}\` names the unknown service \`${name}\``,
        hint,
      });
    }
  }
  const cycle = findCycle(nodes);
  if (cycle !== undefined)
    problems.push({
      code: 'PlanInvalid',
      subject: cycle[0] ?? '',
      message: `services depend on each other in a cycle: ${cycle.join(' → ')}`,
      hint,
    });
  return problems;
}

function targetProblems(input: PlanInput): PlanProblem[] {
  const chosen = (id: string): boolean => input.chosen.length === 0 || input.chosen.includes(id);
  const targets = input.targets.filter(({ component }) => chosen(component));
  const problems: PlanProblem[] = targets.flatMap(({ component, problems: own }) =>
    own.map((problem) => ({ ...problem, subject: component })),
  );
  if (input.replaceDamaged) return problems;
  for (const { device, path, needBytes, freeBytes } of disksOf(input)) {
    if (needBytes > freeBytes) {
      problems.push({
        code: 'NoSpace',
        subject: path,
        message: `the disk of ${path} (device ${device}) needs ${needBytes} bytes beside the live data and has ${freeBytes} free`,
        hint: `free ${needBytes - freeBytes} bytes there, restore fewer components, or use --replace-damaged for a component that is lost anyway`,
      });
    }
  }
  return problems;
}

/** Needs on one disk add up. */
function disksOf({
  targets,
  chosen,
}: PlanInput): { device: string; path: string; needBytes: number; freeBytes: number }[] {
  const byDevice = new Map<string, { device: string; path: string; needBytes: number; freeBytes: number }>();
  for (const target of targets) {
    if (chosen.length > 0 && !chosen.includes(target.component)) continue;
    const disk = byDevice.get(target.device) ?? {
      device: target.device,
      path: target.path,
      needBytes: 0,
      freeBytes: target.freeBytes,
    };
    disk.needBytes += target.needBytes;
    disk.freeBytes = Math.min(disk.freeBytes, target.freeBytes);
    byDevice.set(target.device, disk);
  }
  return [...byDevice.values()];
}

/** Its services are the engine itself: the probe asks the running engine. The others are probed where they lie. */
function runsOnEngine({ kind }: { readonly kind: ComponentKind }): boolean {
  return kind === 'postgres' || kind === 'redis';
}

export function branchOf({ kind, tier }: { readonly kind: ComponentKind; readonly tier: Tier }): Branch {
  if (tier === 'monitoring') return 'monitoring';
  if (kind === 'postgres') return 'database';
  if (kind === 'vectorstore') return 'vectorstore';
  if (kind === 'models') return 'ai';
  return kind === 'files' && tier === 'configuration' ? 'configuration' : 'application-data';
}

function buildSteps(input: PlanInput, chosen: readonly PlanComponent[], startOrder: readonly string[]): PlanStep[] {
  const platform = { role: 'platform', host: input.host } as const;
  const storage = { role: 'storage', host: input.host } as const;
  const queueOf = ({ kind, host }: PlanComponent): PlanStep['queue'] => ({ role: roleOfKind(kind), host });
  const byBranch = (branch: Branch): PlanComponent[] => chosen.filter((component) => branchOf(component) === branch);
  const swapId = ({ id }: PlanComponent): string => `swap:${id}`;
  const probeId = ({ id }: PlanComponent): string => `probe:${id}`;
  const depends = new Map(input.services.map(({ name, dependsOn }) => [name, dependsOn]));
  const stopOrder = [...startOrder].reverse();
  const stopIds = stopOrder.map((name) => `stop:${name}`);
  const steps: PlanStep[] = [];
  const add = (step: Omit<PlanStep, 'estimateSeconds'>, estimateSeconds: number): void =>
    void steps.push({ ...step, estimateSeconds });

  add(
    {
      id: 'verify',
      kind: 'verify',
      subject: '',
      queue: storage,
      after: input.stopFirst ? stopIds : [],
      branch: 'source',
    },
    5,
  );
  for (const component of chosen) {
    const { id, bytes } = component;
    const branch = branchOf(component);
    add(
      { id: `stage:${id}`, kind: 'stage', subject: id, queue: queueOf(component), after: ['verify'], branch },
      3 + bytes / stageBytesPerSecond,
    );
    add(
      {
        id: `validate:${id}`,
        kind: 'validate',
        subject: id,
        queue: queueOf(component),
        after: [`stage:${id}`],
        branch,
      },
      5 + bytes / validateBytesPerSecond,
    );
  }
  const validated = chosen.map(({ id }) => `validate:${id}`);
  for (const name of stopOrder) {
    // A service stops after everything that stands on it.
    const dependents = stopOrder.filter((other) => depends.get(other)?.includes(name)).map((other) => `stop:${other}`);
    add(
      {
        id: `stop:${name}`,
        kind: 'stop',
        subject: name,
        queue: platform,
        after: [...(input.stopFirst ? [] : validated), ...dependents],
        branch: 'core',
      },
      10,
    );
  }

  const core = [...byBranch('database'), ...byBranch('configuration')];
  const coreServices = coreServicesOf(chosen, startOrder, depends);
  const foundation = new Set(
    chosen.filter(runsOnEngine).flatMap(({ services }) => services.flatMap((name) => servicesBelow(name, depends))),
  );
  const coreReady = [...core.map(swapId), ...coreServices.map((name) => `start:${name}`)];
  for (const component of chosen) {
    const branch = branchOf(component);
    // Application data comes after the core services are up; everything else swaps as soon as the services stand still.
    const waits = branch === 'application-data' ? coreReady : [];
    add(
      {
        id: swapId(component),
        kind: 'swap',
        subject: component.id,
        queue: queueOf(component),
        after: [`validate:${component.id}`, ...stopIds, ...waits],
        branch,
      },
      3,
    );
  }
  for (const name of startOrder) {
    const data = chosen.filter(({ services }) => services.includes(name));
    const below = (depends.get(name) ?? [])
      .filter((other) => startOrder.includes(other))
      .map((other) => `start:${other}`);
    const isCore = coreServices.includes(name);
    const isMonitoring = data.length > 0 && data.every((component) => branchOf(component) === 'monitoring');
    // A service that is no engine of the data reads and writes all of it: it starts when every branch has joined and
    // is proven. A probe beside a writing app would compare with what the app has just changed.
    const isEngine = isCore || foundation.has(name);
    const joined = isCore
      ? core
      : isMonitoring || isEngine
        ? []
        : chosen.filter((component) => branchOf(component) !== 'monitoring');
    const proven = isEngine ? [] : [...data, ...joined].map(probeId);
    const after = [...new Set([...stopIds, ...[...data, ...joined].map(swapId), ...proven, ...below])];
    add(
      {
        id: `start:${name}`,
        kind: 'start',
        subject: name,
        queue: platform,
        after,
        branch: isCore ? 'core' : isMonitoring ? 'monitoring' : isEngine ? 'application-data' : 'ai',
      },
      20,
    );
  }

  for (const component of chosen) {
    const engines = runsOnEngine(component) ? component.services.map((name) => `start:${name}`) : [];
    add(
      {
        id: probeId(component),
        kind: 'probe',
        subject: component.id,
        queue: queueOf(component),
        after: [swapId(component), ...engines],
        branch: 'health',
      },
      5,
    );
  }
  const up = [...chosen.map(probeId), ...startOrder.map((name) => `start:${name}`)];
  add({ id: 'health', kind: 'health', subject: '', queue: platform, after: up, branch: 'health' }, 10);
  for (const component of chosen) {
    add(
      {
        id: `commit:${component.id}`,
        kind: 'commit',
        subject: component.id,
        queue: queueOf(component),
        after: ['health'],
        branch: 'health',
      },
      1,
    );
  }
  return steps;
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
  const isCoreData = (component: PlanComponent): boolean => ['database', 'configuration'].includes(branchOf(component));
  const users = (name: string): PlanComponent[] => chosen.filter(({ services }) => services.includes(name));
  const engines = startOrder.filter((name) => users(name).some((component) => branchOf(component) === 'database'));
  const core = engines
    .map((name) => servicesBelow(name, depends).filter((other) => startOrder.includes(other)))
    .filter((names) => names.every((name) => users(name).every(isCoreData)));
  return [...new Set(core.flat())];
}

/** A service and everything that it stands on. */
function servicesBelow(name: string, depends: ReadonlyMap<string, readonly string[]>): string[] {
  return [name, ...(depends.get(name) ?? []).flatMap((other) => servicesBelow(other, depends))];
}

/** Seeds for the estimate; own history replaces them. Measured on 2 cores: staging 450 MB/s, a private server 200 MB/s. */
const stageBytesPerSecond = 200e6;
const validateBytesPerSecond = 150e6;

/** Longest chain of estimates through the graph. Steps are listed so that each comes after what it waits for or is resolved later; the sum is memoised. */
export function criticalPathSeconds(steps: readonly PlanStep[]): number {
  const byId = new Map(steps.map((step) => [step.id, step]));
  const memo = new Map<string, number>();
  const until = (id: string): number => {
    const known = memo.get(id);
    if (known !== undefined) return known;
    const step = byId.get(id);
    if (step === undefined) return 0;
    const value = step.estimateSeconds + Math.max(0, ...step.after.map(until));
    memo.set(id, value);
    return value;
  };
  return Math.round(Math.max(0, ...steps.map(({ id }) => until(id))));
}
