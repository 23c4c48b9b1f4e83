/** What the demo measured: as JSON for machines and as text for 80 columns. Pure. */
import type { Appliance } from '../../domain/appliance.ts';
import { runUrl } from '../../client/temporal/connection.ts';
import { formatBytes, formatDuration } from '../../domain/duration.ts';
import { plural } from '../../domain/plural.ts';
import { defaultColumns } from '../../cli/output/redraw.ts';
import { wrap } from '../../cli/output/wrap.ts';
import { describeProbes, isFailed } from '../../domain/probes.ts';
import type { ProbeResult } from '../../domain/recovery-point.ts';
import type { Story } from './story.ts';

/** A part that the demo did not reach is absent. */
export interface DemoResult {
  readonly ok: boolean;
  /** Why it ended early. */
  readonly error?: string;
  readonly backup?: {
    readonly id: string;
    readonly bytes: number;
    readonly storedBytes: number;
    readonly seconds: number;
  };
  readonly restore?: {
    readonly id: string;
    readonly seconds: number;
    readonly steps: readonly { readonly id: string; readonly seconds: number; readonly state: string }[];
  };
  readonly rpo?: {
    readonly seconds: number;
    /** Seconds that the database lost, whose WAL is archived. */
    readonly databaseSeconds: number;
    readonly lost: { readonly rows: number; readonly keys: number; readonly vectors: number };
    readonly objectiveSeconds: number;
  };
  readonly rto?: {
    readonly fromDisasterSeconds: number;
    readonly fromStartSeconds: number;
    readonly objectiveSeconds: number;
  };
  readonly probes: readonly ProbeResult[];
}

export function measure(story: Story, appliance: Appliance): DemoResult {
  const { restore, failure, probes } = story;
  return {
    ok: failure === undefined && restore?.result?.state === 'committed' && probes.length > 0 && !probes.some(isFailed),
    error: failure?.message,
    backup: backupOf(story),
    restore: restoreOf(story),
    rpo: rpoOf(story, appliance),
    rto: rtoOf(story, appliance),
    probes,
  };
}

function backupOf({ backup }: Story): DemoResult['backup'] {
  if (backup?.result === undefined) return undefined;
  const { id, bytes, storedBytes, seconds } = backup.result;
  return { id, bytes, storedBytes, seconds };
}

function restoreOf({ restore }: Story): DemoResult['restore'] {
  if (restore === undefined) return undefined;
  const { workflowId: id, startedAt, endedAt = startedAt, result } = restore;
  return {
    id,
    seconds: result?.seconds ?? secondsBetween(startedAt, endedAt),
    steps: (result?.steps ?? restore.steps).map((step) => ({ id: step.id, seconds: step.seconds, state: step.state })),
  };
}

function rpoOf({ disasterAt, losses }: Story, { objectives }: Appliance): DemoResult['rpo'] {
  if (disasterAt === undefined || losses === undefined) return undefined;
  return {
    // The oldest acknowledged write that is gone tells the recovery point that was really reached.
    seconds: losses.firstLostAt === undefined ? 0 : secondsBetween(losses.firstLostAt, disasterAt),
    databaseSeconds: losses.firstLostRowAt === undefined ? 0 : secondsBetween(losses.firstLostRowAt, disasterAt),
    lost: losses.lost,
    objectiveSeconds: objectives.rpoSeconds.critical,
  };
}

function rtoOf({ disasterAt, restore }: Story, { objectives }: Appliance): DemoResult['rto'] {
  if (disasterAt === undefined || restore?.result === undefined || restore.endedAt === undefined) return undefined;
  return {
    fromDisasterSeconds: secondsBetween(disasterAt, restore.endedAt),
    fromStartSeconds: restore.result.seconds,
    objectiveSeconds: objectives.rtoSeconds.full,
  };
}

function secondsBetween(from: Date, to: Date): number {
  return (to.getTime() - from.getTime()) / 1000;
}

export function summaryText(result: DemoResult, story: Story, appliance: Appliance, folder: string): string {
  const { backup, restore, rpo, rto, probes } = result;
  const failed = probes.filter(isFailed);
  const verdict = (seconds: number, objective: number): string =>
    `${formatDuration(seconds)} of ${formatDuration(objective)} ${seconds <= objective ? 'met' : 'MISSED'}`;
  const runs = [story.backup, story.restore].filter((run) => run !== undefined);
  return [
    '',
    `== RESULT: ${titleOf(result)}`,
    ...(backup === undefined
      ? []
      : [`   backup   ${backup.id}, ${formatBytes(backup.bytes)} in ${formatDuration(backup.seconds)}`]),
    ...(restore === undefined
      ? []
      : [`   restore  ${formatDuration(restore.seconds)}${rto === undefined ? `; ${failureOf(restore)}` : ''}`]),
    ...(rpo === undefined
      ? []
      : [
          `   RPO      ${verdict(rpo.seconds, rpo.objectiveSeconds)}; lost ${plural(rpo.lost.keys, 'key')}, ${plural(rpo.lost.vectors, 'vector')}`,
          `            PostgreSQL: the last ${formatDuration(rpo.databaseSeconds)}, ${plural(rpo.lost.rows, 'row')}`,
        ]),
    ...(rto === undefined
      ? []
      : [`   RTO      ${verdict(rto.fromDisasterSeconds, rto.objectiveSeconds)} from the disaster on`]),
    ...(probes.length === 0 ? [] : [`   proof    ${describeProbes(probes)}`]),
    ...failed.map(({ component, name, expected, actual }) =>
      wrap(`   FAILED   ${component}/${name}: expected ${expected}, actual ${actual}`, defaultColumns, ' '.repeat(12)),
    ),
    ...(runs.length === 0 ? [] : ['   runs', ...runs.map(({ workflowId }) => `     ${runUrl(appliance, workflowId)}`)]),
    '   look at it again:',
    `     npm run demo -- --open ${folder}`,
  ].join('\n');
}

function titleOf({ ok, rto }: DemoResult): string {
  if (ok) return 'restored and proven';
  return rto === undefined ? 'NOT RESTORED' : 'restored, but NOT PROVEN';
}

function failureOf({ steps }: NonNullable<DemoResult['restore']>): string {
  const failed = steps.filter(({ state }) => state === 'failed').map(({ id }) => id);
  return failed.length === 0 ? 'FAILED' : `FAILED in ${failed.join(', ')}`;
}
