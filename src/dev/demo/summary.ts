/** What the demo measured: as JSON for machines and as text for 80 columns. Pure. */
import type { Appliance } from '../../domain/appliance.ts';
import { runUrl } from '../../client/connection.ts';
import { formatBytes, formatDuration } from '../../domain/duration.ts';
import type { ProbeResult } from '../../domain/recovery-point.ts';
import type { Story } from './story.ts';

export interface DemoResult {
  readonly ok: boolean;
  readonly backup: {
    readonly id: string;
    readonly bytes: number;
    readonly storedBytes: number;
    readonly seconds: number;
  };
  readonly restore: {
    readonly id: string;
    readonly seconds: number;
    readonly steps: readonly { readonly id: string; readonly seconds: number; readonly state: string }[];
  };
  readonly rpo: {
    readonly seconds: number;
    readonly lost: { readonly rows: number; readonly keys: number; readonly vectors: number };
    readonly objectiveSeconds: number;
  };
  readonly rto: {
    readonly fromDisasterSeconds: number;
    readonly fromStartSeconds: number;
    readonly objectiveSeconds: number;
  };
  readonly probes: readonly ProbeResult[];
}

export function measure(
  { backup, restore, losses, disasterAt, restoredAt, probes }: Story,
  { objectives }: Appliance,
): DemoResult {
  return {
    ok: restore.state === 'committed' && probes.length > 0 && probes.every(({ ok }) => ok),
    backup: { id: backup.id, bytes: backup.bytes, storedBytes: backup.storedBytes, seconds: backup.seconds },
    restore: {
      id: restore.workflowId,
      seconds: restore.seconds,
      steps: restore.steps.map(({ id, seconds, state }) => ({ id, seconds, state })),
    },
    rpo: {
      // The oldest acknowledged write that is gone tells the recovery point that was really reached.
      seconds: losses.firstLostAt === undefined ? 0 : (disasterAt.getTime() - losses.firstLostAt.getTime()) / 1000,
      lost: losses.lost,
      objectiveSeconds: objectives.rpoSeconds.critical,
    },
    rto: {
      fromDisasterSeconds: (restoredAt.getTime() - disasterAt.getTime()) / 1000,
      fromStartSeconds: restore.seconds,
      objectiveSeconds: objectives.rtoSeconds.full,
    },
    probes,
  };
}

export function summaryText(
  result: DemoResult,
  { backup, restore }: Story,
  appliance: Appliance,
  folder: string,
  kept: boolean,
): string {
  const { rpo, rto, probes } = result;
  const failed = probes.filter(({ ok }) => !ok);
  const verdict = (seconds: number, objective: number): string =>
    `${formatDuration(seconds)} of ${formatDuration(objective)} ${seconds <= objective ? 'met' : 'MISSED'}`;
  return [
    '',
    `== RESULT: ${result.ok ? 'restored and proven' : 'NOT PROVEN'}`,
    `   backup   ${result.backup.id}, ${formatBytes(result.backup.bytes)} in ${formatDuration(result.backup.seconds)}`,
    `   restore  ${formatDuration(result.restore.seconds)}`,
    `   RPO      ${verdict(rpo.seconds, rpo.objectiveSeconds)}; lost ${rpo.lost.rows} rows, ${rpo.lost.keys} keys, ${rpo.lost.vectors} vectors`,
    `   RTO      ${verdict(rto.fromDisasterSeconds, rto.objectiveSeconds)} from the disaster on`,
    `   probes   ${probes.length - failed.length} of ${probes.length} hold`,
    ...failed.map(
      ({ component, name, expected, actual }) =>
        `   FAILED   ${component}/${name}: expected ${expected}, actual ${actual}`,
    ),
    '   runs',
    `     ${runUrl(appliance, backup.workflowId)}`,
    `     ${runUrl(appliance, restore.workflowId)}`,
    ...(kept ? [] : ['   look at it again:', `     npm run demo -- --open ${folder}`]),
  ].join('\n');
}
