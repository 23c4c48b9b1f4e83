/** A restore plan as text for 80 columns: what stops, what is needed, what would be lost, the steps. Pure. */
import { formatBytes, formatDuration } from '../../domain/duration.ts';
import type { RestorePlan } from '../../domain/restore-plan.ts';
import { table } from './table.ts';
import { shorten } from './wrap.ts';

export function planText(plan: RestorePlan): string {
  return [
    `restore of ${plan.appliance} from recovery point ${plan.backupId}`,
    `${formatBytes(plan.bytes)}, about ${formatDuration(plan.estimateSeconds)}; capture skew ${formatDuration(plan.skewSeconds)}`,
    plan.stops.length === 0 ? 'nothing stops' : `stops: ${plan.stops.join(', ')}`,
    '',
    table(
      ['COMPONENT', 'KIND', 'SIZE', 'LOST IF RESTORED NOW'],
      plan.components.map(({ id, kind, bytes, lossSeconds }) => [
        id,
        kind,
        formatBytes(bytes),
        `the last ${formatDuration(lossSeconds)}`,
      ]),
    ),
    '',
    table(
      ['DISK OF', 'NEEDS', 'FREE'],
      plan.disks.map(({ path, needBytes, freeBytes }) => [
        shorten(path, 50),
        formatBytes(needBytes),
        formatBytes(freeBytes),
      ]),
    ),
    '',
    table(
      ['STEP', 'BRANCH', 'ABOUT', 'AFTER'],
      plan.steps.map(({ id, branch, estimateSeconds, after }) => [
        id,
        branch,
        formatDuration(estimateSeconds),
        brief(after),
      ]),
    ),
  ].join('\n');
}

function brief(after: readonly string[]): string {
  return after.length <= 2 ? after.join(', ') : `${after[0]} and ${after.length - 1} more`;
}
