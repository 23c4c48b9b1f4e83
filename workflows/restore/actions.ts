/** What the steps of a restore and of its undo do, and what takes each back. */
import { ApplicationFailure } from '@temporalio/workflow';
import type { PutBackRequest } from '../../activities/component.ts';
import type { ProbeResult } from '../../src/domain/recovery-point.ts';
import type { PlanStep } from '../../src/domain/restore/types.ts';
import { describeProbes, isFailed, plural } from '../../src/domain/replayed.ts';
import type { Action, Actions } from '../plan/actions.ts';
import { components, platform, storage } from '../proxies.ts';
import { rootCode, rootMessage } from '../run/failure.ts';
import { componentRequest, type RestoreContext } from './request.ts';

type RestoreAction = Action<PlanStep, RestoreContext>;

const call = ({ id }: PlanStep, { priority }: RestoreContext) => ({ id, priority });
const undoing = ({ id }: PlanStep, { priority }: RestoreContext) => ({ id: `undo:${id}`, priority });

const undoComponent = async (step: PlanStep, context: RestoreContext): Promise<void> =>
  components(step.queue, undoing(step, context)).undoComponent(componentRequest(step, context));

const verify: RestoreAction = {
  act: async (step, context) => {
    let objects = 0;
    for (const [backupId, ids] of byBackup(context.plan)) {
      const verified = await storage(step.queue.host, call(step, context)).verifyObjects({
        repositoryId: context.repositoryId,
        backupId,
        components: ids,
        ...context.copy,
      });
      objects += verified.objects;
    }
    return plural(objects, 'object');
  },
};

const stage: RestoreAction = {
  act: async (step, context) => {
    const {
      token,
      files,
      notes = [],
    } = await components(step.queue, call(step, context)).stageComponent(componentRequest(step, context));
    context.staged.set(step.subject, token);
    for (const note of notes) context.display.note(`${step.subject}: ${note}`);
    return plural(files, 'file');
  },
  undo: undoComponent,
};

const validate: RestoreAction = {
  act: async (step, context) => {
    requireHeld(
      step,
      await components(step.queue, call(step, context)).validateComponent(componentRequest(step, context)),
    );
    return '';
  },
};

const stop: RestoreAction = {
  act: async (step, context) => {
    const { queue, subject } = step;
    const look = { ...call(step, context), id: `look:${subject}`, summary: `does ${subject} run?` };
    const running = await platform(queue.host, look).isRunning({ service: subject });
    if (running) context.stopped.add(subject);
    await platform(queue.host, call(step, context)).stopService({ service: subject });
    return running ? '' : 'was not running';
  },
  undo: async (step, context) => {
    const { queue, subject } = step;
    if (context.stopped.has(subject))
      await platform(queue.host, { ...undoing(step, context), summary: `start ${subject} again` }).startService({
        service: subject,
      });
  },
};

const finish: RestoreAction = {
  act: async (step, context) => {
    requireHeld(
      step,
      await components(step.queue, call(step, context)).finishComponent(componentRequest(step, context)),
    );
    return '';
  },
};

const swap: RestoreAction = {
  act: async (step, context) => {
    await components(step.queue, call(step, context)).swapComponent(componentRequest(step, context));
    return '';
  },
  undo: undoComponent,
};

const putBack: RestoreAction = {
  act: async (step, context) => {
    const { safetyCopies } = await components(step.queue, call(step, context)).putBackComponent(
      putBackRequest(step, context),
    );
    context.safetyCopies.push(...safetyCopies);
    return '';
  },
  undo: async (step, context) =>
    components(step.queue, undoing(step, context)).takeBackComponent(putBackRequest(step, context)),
};

const start: RestoreAction = {
  act: async (step, context) => {
    await platform(step.queue.host, call(step, context)).startService({ service: step.subject });
    return '';
  },
  undo: async (step, context) =>
    platform(step.queue.host, undoing(step, context)).stopService({ service: step.subject }),
};

const health: RestoreAction = {
  act: async (step, context) =>
    (await platform(step.queue.host, call(step, context)).checkHealth({ services: context.plan.stops })).text,
};

const probe: RestoreAction = {
  act: async (step, context) => {
    const probes = await components(step.queue, call(step, context)).probeComponent(componentRequest(step, context));
    context.probes.push(...probes);
    noteProbes(probes, context);
    requireHeld(step, probes);
    return describeProbes(probes);
  },
};

const commit: RestoreAction = {
  act: async (step, context) => {
    const { safetyCopies, notes = [] } = await components(step.queue, call(step, context))
      .commitComponent(componentRequest(step, context))
      .catch((error: unknown) => {
        const text = `its old data could not be put in order: ${rootMessage(error)}`;
        throw ApplicationFailure.nonRetryable(text, rootCode(error));
      });
    context.safetyCopies.push(...safetyCopies);
    for (const note of notes) context.display.note(`${step.subject}: ${note}`);
    return '';
  },
};

const remove: RestoreAction = {
  act: async (step, context) => {
    await components(step.queue, call(step, context)).undoComponent(componentRequest(step, context));
    return '';
  },
};

export const restoreActions: Actions<PlanStep, RestoreContext> = {
  verify,
  stage,
  validate,
  stop,
  finish,
  swap,
  'put-back': putBack,
  start,
  health,
  probe,
  commit,
  remove,
};

function noteProbes(probes: readonly ProbeResult[], { display }: RestoreContext): void {
  for (const { component, name, expected, actual } of probes.filter(isFailed))
    display.note(`probe ${component}/${name} failed: expected ${expected}, actual ${actual}`);
  for (const { component, name, actual } of probes.filter(({ notCompared }) => notCompared === true))
    display.note(`probe ${component}/${name}: ${actual}`);
}

function requireHeld(step: PlanStep, probes: readonly ProbeResult[]): void {
  const failed = probes.filter(isFailed);
  if (failed.length === 0) return;
  const text = failed
    .map(({ component, name, expected, actual }) => `${component}/${name}: expected ${expected}, actual ${actual}`)
    .join('; ');
  throw ApplicationFailure.nonRetryable(
    `${step.id}: ${failed.length} of ${probes.length} checks failed: ${text}`.slice(0, 2000),
    'ValidationFailed',
  );
}

function putBackRequest({ subject }: PlanStep, { plan, lockSince, runId }: RestoreContext): PutBackRequest {
  if (plan.undoes === undefined)
    throw ApplicationFailure.nonRetryable('the plan does not say which restore it undoes', 'Internal');
  return { component: subject, lockSince, runId, of: plan.undoes };
}

/** Component ids by the recovery point that their artefacts are of. */
function byBackup({ backupId: own, components: all }: RestoreContext['plan']): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const { id, backupId = own } of all) groups.set(backupId, [...(groups.get(backupId) ?? []), id]);
  return groups;
}
