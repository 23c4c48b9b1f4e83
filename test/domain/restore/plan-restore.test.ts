import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { planRestore } from '../../../src/domain/restore/plan-restore.ts';
import type { PlanComponent, PlanInput, PlanStep, UnhashedPlan } from '../../../src/domain/restore/types.ts';

const component = (
  id: string,
  kind: PlanComponent['kind'],
  services: string[],
  more: Partial<PlanComponent> = {},
): PlanComponent => ({
  id,
  kind,
  host: 'main',
  tier: 'critical',
  priority: 1,
  services,
  bytes: 1e6,
  backupId: '20261122_020000',
  moment: '2026-11-22T02:00:10.000Z',
  ...more,
});

const appliance: PlanInput = {
  backupId: '20261122_020000',
  appliance: 'wazuh',
  host: 'main',
  components: [
    component('postgres', 'postgres', ['postgres']),
    component('redis', 'redis', ['redis']),
    component('vectors', 'vectorstore', ['app']),
    component('models', 'models', ['app']),
    component('configuration', 'files', ['app'], { tier: 'configuration' }),
    component('monitoring', 'files', ['prometheus'], { tier: 'monitoring' }),
  ],
  misfits: [],
  chosen: [],
  services: [
    { name: 'postgres', dependsOn: [] },
    { name: 'redis', dependsOn: [] },
    { name: 'app', dependsOn: ['postgres', 'redis'] },
    { name: 'nginx', dependsOn: ['app'] },
    { name: 'prometheus', dependsOn: [] },
  ],
  targets: [],
  now: '2026-11-22T03:00:10.000Z',
  skewSeconds: 4,
  stopFirst: false,
  pastRuns: [],
  replaceDamaged: false,
  keepNew: false,
};

function planned(input: PlanInput): UnhashedPlan {
  const result = planRestore(input);
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.plan;
}

/** All steps that must have ended before `id` begins. */
function before(plan: UnhashedPlan, id: string): Set<string> {
  const byId = new Map(plan.steps.map((step) => [step.id, step]));
  const found = new Set<string>();
  const visit = (step: PlanStep | undefined): void =>
    step?.after.forEach((next) => void (found.has(next) || (found.add(next), visit(byId.get(next)))));
  visit(byId.get(id));
  return found;
}

describe('D3.11: the restore graph of the guide', () => {
  const plan = planned(appliance);

  test('database, configuration and vector store swap in parallel after everything stopped', () => {
    for (const id of ['postgres', 'configuration', 'vectors']) {
      const done = before(plan, `swap:${id}`);
      expect([...done].filter((step) => step.startsWith('swap:') || step.startsWith('start:'))).toEqual([]);
      for (const service of plan.stops) expect(done).toContain(`stop:${service}`);
    }
  });

  test('core services start after database and configuration, and not after the vector store', () => {
    const done = before(plan, 'start:postgres');
    expect(done).toContain('swap:postgres');
    expect(done).toContain('swap:configuration');
    expect(done).not.toContain('swap:vectors');
  });

  test('application data is restored after the core services are up', () => {
    expect(before(plan, 'swap:redis')).toContain('start:postgres');
  });

  test('AI services start after vector store and application data', () => {
    const done = before(plan, 'start:app');
    for (const id of ['swap:vectors', 'swap:models', 'swap:redis', 'start:redis', 'start:postgres'])
      expect(done).toContain(id);
  });

  test('ours: content is probed on the running engines, before a service that writes to them starts', () => {
    expect(before(plan, 'probe:postgres')).toContain('start:postgres');
    expect(before(plan, 'probe:redis')).toContain('start:redis');
    for (const id of ['postgres', 'redis', 'vectors', 'models', 'configuration'])
      expect(before(plan, 'start:app')).toContain(`probe:${id}`);
  });

  test('health comes after every start and every probe, commits after health', () => {
    const done = before(plan, 'commit:redis');
    for (const { id, kind } of plan.steps) if (kind !== 'commit') expect(done).toContain(id);
  });

  test('X2: monitoring is a branch of its own that waits for no other component', () => {
    const done = [...before(plan, 'start:prometheus')];
    expect(done.filter((id) => /^(swap|start):/.test(id))).toEqual(['swap:monitoring']);
  });

  test('ours: nothing stops before everything is staged and validated', () => {
    for (const service of plan.stops) {
      for (const { id } of plan.components) expect(before(plan, `stop:${service}`)).toContain(`validate:${id}`);
    }
  });

  test('--stop-first gives the order of the guide: stop, then verify', () => {
    const guide = planned({ ...appliance, stopFirst: true });
    expect(before(guide, 'verify')).toContain('stop:app');
    expect([...before(guide, 'stop:app')]).toEqual(['stop:nginx']);
  });
});

describe('D3.5, D3.7: one component alone', () => {
  test.each([
    ['postgres', ['nginx', 'app', 'postgres']],
    ['redis', ['nginx', 'app', 'redis']],
    ['vectors', ['nginx', 'app']],
    ['monitoring', ['prometheus']],
  ])('%s stops only its dependents', (id, stops) => {
    expect(planned({ ...appliance, chosen: [id] }).stops).toEqual(stops);
  });
});

describe('all problems at once', () => {
  const codes = (input: PlanInput): string[] => {
    const result = planRestore(input);
    return result.ok ? [] : result.problems.map(({ code, subject }) => `${code} ${subject}`);
  };

  test('a cycle, a dangling edge and an unknown component are all named', () => {
    const services = [
      { name: 'postgres', dependsOn: ['app'] },
      { name: 'app', dependsOn: ['postgres', 'ghost'] },
    ];
    const found = codes({
      ...appliance,
      services,
      components: appliance.components.slice(0, 2),
      chosen: ['postgres', 'nothing'],
    });
    expect(found).toContain('NotFound nothing');
    expect(found).toContain('PlanInvalid app');
    expect(found).toContain('PlanInvalid redis');
    expect(found.filter((text) => text === 'PlanInvalid postgres')).toHaveLength(1);
  });

  test('D6.1: what left the configuration, or has another kind there, is named with all other problems and a hint', () => {
    const misfits = [
      { id: 'certificates', kind: 'files', configuredKind: undefined },
      { id: 'uploads', kind: 'files', configuredKind: 'models' },
    ] as const;
    const locked = { code: 'PermissionDenied', message: 'may not write', hint: 'run as root' };
    const place = { path: '/data/redis', device: '8:1', needBytes: 1, freeBytes: 10, liveBytes: 0 };
    const input = { ...appliance, misfits, targets: [{ component: 'redis', ...place, problems: [locked] }] };
    const result = planRestore({ ...input, chosen: ['certificates', 'uploads', 'redis', 'nothing'] });
    expect(result).toMatchObject({
      problems: [
        { code: 'NotFound', subject: 'nothing' },
        {
          code: 'NotFound',
          subject: 'certificates',
          message: expect.stringContaining('not in lifeboat.yaml') as string,
          hint: 'configure it again, of kind `files`, or restore the others: --components redis',
        },
        {
          code: 'Precondition',
          subject: 'uploads',
          message: expect.stringContaining('`models` in lifeboat') as string,
        },
        { code: 'PermissionDenied', subject: 'redis' },
      ],
    });
    expect(codes({ ...input, components: [] })).toEqual(expect.arrayContaining(['NotFound certificates']));
    expect(planRestore({ ...appliance, misfits, chosen: ['redis'] }).ok).toBe(true);
  });

  test('D6.1: needs on one disk add up, and what is missing is said in bytes', () => {
    const target = (id: string) => ({
      component: id,
      path: `/data/${id}`,
      device: '8:1',
      needBytes: 60,
      freeBytes: 100,
      liveBytes: 50,
      problems: [],
    });
    const result = planRestore({ ...appliance, targets: [target('postgres'), target('redis')] });
    expect(result.ok).toBe(false);
    if (!result.ok)
      expect(result.problems[0]).toMatchObject({
        code: 'NoSpace',
        hint: expect.stringContaining('free 20 B') as string,
      });
    expect(planRestore({ ...appliance, chosen: ['redis'], targets: [target('postgres'), target('redis')] }).ok).toBe(
      true,
    );
  });

  test('a shortage that a driver names too is one problem, and none where the live data makes room', () => {
    const short = { code: 'NoSpace', message: 'needs 60, 10 are free', hint: 'free 50' };
    const targets = [
      {
        component: 'redis',
        path: '/data/redis',
        device: '8:1',
        needBytes: 60,
        freeBytes: 10,
        liveBytes: 90,
        problems: [short],
      },
    ];
    const refused = planRestore({ ...appliance, chosen: ['redis'], targets });
    expect(refused).toMatchObject({ ok: false, problems: [{ code: 'NoSpace', subject: '/data/redis' }] });
    if (!refused.ok) expect(refused.problems).toHaveLength(1);
    expect(planRestore({ ...appliance, chosen: ['redis'], targets, replaceDamaged: true }).ok).toBe(true);
  });
});

test('RPO: the plan tells what each component would lose', () => {
  expect(planned(appliance).components[0]).toMatchObject({ id: 'postgres', lossSeconds: 3600 });
});

describe('D3.10: the estimate of a restore', () => {
  const run = (seconds: number) => ({
    steps: planned(appliance).steps.map(({ id }) => ({
      id,
      seconds: id === 'stage:vectors' ? 100 * seconds : seconds,
    })),
  });

  test('goes by size while there are fewer than three own restores', () => {
    const seeded = planned(appliance);
    expect(seeded).toMatchObject({ estimatedFrom: 0, p90Seconds: seeded.estimateSeconds });
    expect(planned({ ...appliance, pastRuns: [run(1), run(1)] })).toMatchObject({
      estimatedFrom: 0,
      estimateSeconds: seeded.estimateSeconds,
    });
    const tenfold = appliance.components.map((one) => ({ ...one, bytes: 100e9 }));
    expect(planned({ ...appliance, components: tenfold }).estimateSeconds).toBeGreaterThan(seeded.estimateSeconds);
  });

  test('goes by median and 90th percentile of own restores, and names the critical path', () => {
    const plan = planned({ ...appliance, pastRuns: [run(2), run(9), run(1), run(3)] });
    const longest = [
      'verify',
      'stage:vectors',
      'validate:vectors',
      'stop:nginx',
      'stop:app',
      'stop:redis',
      'swap:postgres',
      'start:postgres',
      'swap:redis',
      'start:redis',
      'probe:redis',
      'start:app',
      'start:nginx',
      'health',
      'commit:postgres',
    ];
    expect(plan).toMatchObject({
      estimatedFrom: 4,
      criticalPath: longest,
      estimateSeconds: 2 * (longest.length - 1) + 200,
      p90Seconds: 9 * (longest.length - 1) + 900,
    });
  });

  test('a step that own restores never did keeps its seed', () => {
    const onlyRedis = { steps: run(1).steps.filter(({ id }) => !id.endsWith(':postgres')) };
    const { steps } = planned({ ...appliance, pastRuns: [onlyRedis, onlyRedis, onlyRedis] });
    const estimates = new Map(steps.map(({ id, estimateSeconds }) => [id, estimateSeconds]));
    expect(estimates.get('stage:redis')).toBe(1);
    expect(estimates.get('stage:postgres')).toBeGreaterThan(3);
  });
});

test('O1.2: any services and components give a graph without cycle in which stops precede swaps precede starts', () => {
  const kinds = ['postgres', 'redis', 'vectorstore', 'models', 'files'] as const;
  const input = fc
    .tuple(
      fc.integer({ min: 1, max: 7 }),
      fc.array(
        fc.record({
          kind: fc.constantFrom(...kinds),
          uses: fc.array(fc.nat(6), { maxLength: 3 }),
          tier: fc.constantFrom('critical', 'configuration', 'monitoring'),
        }),
        { minLength: 1, maxLength: 6 },
      ),
      fc.array(fc.tuple(fc.nat(6), fc.nat(6)), { maxLength: 10 }),
      fc.boolean(),
    )
    .map(([size, parts, edges, stopFirst]): PlanInput => {
      const name = (index: number): string => `s${index % size}`;
      // Edges go from higher to lower numbers only: the services themselves have no cycle.
      const services = Array.from({ length: size }, (_, index) => ({
        name: `s${index}`,
        dependsOn: [
          ...new Set(
            edges.filter(([from, to]) => from % size === index && to % size < index).map(([, to]) => name(to)),
          ),
        ],
      }));
      const components = parts.map(({ kind, uses, tier }, index) =>
        component(`c${index}`, kind, [...new Set(uses.map(name))], { tier: tier as PlanComponent['tier'] }),
      );
      return { ...appliance, services, components, stopFirst };
    });
  fc.assert(
    fc.property(input, (value) => {
      const plan = planned(value);
      const ids = new Set(plan.steps.map(({ id }) => id));
      expect(ids.size).toBe(plan.steps.length);
      for (const { id, after } of plan.steps) {
        for (const next of after) expect(ids).toContain(next);
        expect(before(plan, id)).not.toContain(id);
      }
      for (const { id } of plan.steps.filter(({ kind }) => kind === 'swap')) {
        for (const service of plan.stops) expect(before(plan, id)).toContain(`stop:${service}`);
      }
      for (const service of plan.stops) {
        const done = before(plan, `start:${service}`);
        for (const { id, services } of value.components)
          if (services.includes(service)) expect(done).toContain(`swap:${id}`);
        for (const below of value.services.find(({ name }) => name === service)?.dependsOn ?? [])
          if (plan.stops.includes(below)) expect(done).toContain(`start:${below}`);
      }
      expect(plan.estimateSeconds).toBeGreaterThan(0);
      expect(plan.criticalPath.slice(0, -1).every((id) => before(plan, plan.criticalPath.at(-1) ?? '').has(id))).toBe(
        true,
      );
    }),
  );
});
