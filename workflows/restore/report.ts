/** What a restore leaves behind, however it ended: word to people, and the facts of its report. */
import { describeProbes, formatDuration, stateWords } from '../../src/domain/replayed.ts';
import type { RestoreInput, RestoreResult } from '../messages.ts';
import type { Message } from '../run/notification.ts';
import { askedBy, type Ended, type Report } from '../run/run.ts';
import type { RestoreMemory } from './memory.ts';

/** A plan that was only shown is recorded and told to nobody. */
export function restoreMessages(
  { appliance, result, state, failed, seconds }: Ended<RestoreInput, RestoreResult>,
  memory: RestoreMemory,
): Message[] {
  if (failed !== '') {
    const lost = notUndoneOf(memory).map((text) => `not undone: ${text}`);
    const text = [failed, ...lost].join('; ').slice(0, 1500);
    // Somebody stopped it before it held the appliance: nobody need get up for that.
    const severity = state.status === 'aborted' && memory.context === undefined ? 'info' : 'critical';
    return [{ topic: 'outcome', severity, text: `Restore of ${appliance.name} ${stateWords(state)}: ${text}` }];
  }
  if (result?.state !== 'committed') return [];
  const unproven = result.unproven ?? [];
  const text = [
    `Restore of ${appliance.name} from ${result.id} committed after ${formatDuration(seconds)}`,
    ...(result.probes.length === 0 ? [] : [describeProbes(result.probes)]),
    ...unproven.map((id) => `${id} is UNPROVEN: nothing of its content could be compared`),
    ...failuresOf(memory),
  ]
    .join('; ')
    .slice(0, 1500);
  return [{ topic: 'outcome', severity: unproven.length > 0 ? 'warning' : 'info', text }];
}

export function restoreReport(
  { result, input, display, failed }: Ended<RestoreInput, RestoreResult>,
  memory: RestoreMemory,
): Report {
  return {
    text: failed === '' ? (result?.state ?? '') : failed,
    from: input.from ?? '',
    rtoBreached: display.breached,
    probes: (memory.context?.probes ?? []).map((probe) => ({ ...probe })),
    unproven: [...(result?.unproven ?? [])],
    safetyCopies: [...(result?.safetyCopies ?? [])],
    notUndone: [...notUndoneOf(memory)],
    planHash: memory.plan?.hash ?? '',
    estimateSeconds: memory.plan?.estimateSeconds ?? 0,
    ...askedBy(input),
  };
}

function notUndoneOf({ outcome }: RestoreMemory): readonly string[] {
  return outcome?.kind === 'unwound' ? outcome.notUndone : [];
}

function failuresOf({ outcome }: RestoreMemory): readonly string[] {
  return outcome?.kind === 'done' ? outcome.failures : [];
}
