/** Everything that speaks against a restore, all at once. Pure. */
import { formatBytes } from '../duration.ts';
import { danglingEdges, findCycles } from '../plan/graph.ts';
import type { PlanProblem } from '../plan/plan.ts';
import type { PlanInput, PlanMisfit } from './types.ts';

export function planProblems(input: PlanInput): PlanProblem[] {
  return [
    ...choiceProblems(input),
    ...(input.objectProblems ?? []),
    ...misfitProblems(input),
    ...graphProblems(input),
    ...targetProblems(input),
  ];
}

function choiceProblems({ components, misfits, chosen, backupId }: PlanInput): PlanProblem[] {
  const known = new Set([...components, ...misfits].map(({ id }) => id));
  const unknown = chosen
    .filter((id) => !known.has(id))
    .map((id) => ({
      code: 'NotFound',
      subject: id,
      message: `recovery point ${backupId} holds no component \`${id}\``,
      hint: `it holds: ${[...known].join(', ')}`,
    }));
  if (known.size > 0) return unknown;
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

function misfitProblems({ components, misfits, chosen }: PlanInput): PlanProblem[] {
  const others = components.map(({ id }) => id).filter((id) => chosen.length === 0 || chosen.includes(id));
  const orOthers = others.length === 0 ? '' : `, or restore the others: --components ${others.join(',')}`;
  return misfits
    .filter(({ id }) => chosen.length === 0 || chosen.includes(id))
    .map((misfit) => misfitProblem(misfit, orOthers));
}

function misfitProblem({ id, kind, configuredKind }: PlanMisfit, orOthers: string): PlanProblem {
  if (configuredKind === undefined) {
    return {
      code: 'NotFound',
      subject: id,
      message: `component \`${id}\` is in the recovery point but not in lifeboat.yaml`,
      hint: `configure it again, of kind \`${kind}\`${orOthers}`,
    };
  }
  return {
    code: 'Precondition',
    subject: id,
    message: `component \`${id}\` is of kind \`${kind}\` in the recovery point and of kind \`${configuredKind}\` in lifeboat.yaml`,
    hint: `give the one in lifeboat.yaml another name, and configure \`${id}\` as it was${orOthers}`,
  };
}

function graphProblems({ components, services }: PlanInput): PlanProblem[] {
  const nodes = services.map(({ name, dependsOn }) => ({ id: name, after: dependsOn }));
  const known = new Set(services.map(({ name }) => name));
  const hint = 'correct `services` in lifeboat.yaml';
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
  const cycles = findCycles(nodes).map((cycle) => ({
    code: 'PlanInvalid',
    subject: cycle[0] ?? '',
    message: `services depend on each other in a cycle: ${cycle.join(' → ')}`,
    hint,
  }));
  return [...problems, ...cycles];
}

function targetProblems(input: PlanInput): PlanProblem[] {
  const chosen = (id: string): boolean => input.chosen.length === 0 || input.chosen.includes(id);
  const targets = input.targets.filter(({ component }) => chosen(component));
  // Room is judged below, once for each disk, and not at all where the live data makes room.
  const problems: PlanProblem[] = targets.flatMap(({ component, problems: own }) =>
    own.filter(({ code }) => code !== 'NoSpace').map((problem) => ({ ...problem, subject: component })),
  );
  if (input.replaceDamaged) return problems;
  for (const { device, path, needBytes, freeBytes } of disksOf(input)) {
    if (needBytes > freeBytes) {
      problems.push({
        code: 'NoSpace',
        subject: path,
        message: `the disk of ${path} (device ${device}) needs ${formatBytes(needBytes)} beside the live data and has ${formatBytes(freeBytes)} free`,
        hint: `free ${formatBytes(needBytes - freeBytes)} there, restore fewer components, or use --replace-damaged for a component that is lost anyway`,
      });
    }
  }
  return problems;
}

/** Needs on one disk add up. */
export function disksOf({
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
