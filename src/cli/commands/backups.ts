/** `lifeboat backups list|show`: they work with Temporal dead, and load nothing of it. */
import { formatBytes, formatDuration } from '../../domain/duration.ts';
import { captureNotes } from '../../domain/capture-notes.ts';
import type { JsonValue } from '../../domain/recovery-point.ts';
import {
  configuredThen,
  holdsOf,
  lackingStatuses,
  listPoints,
  statusOf,
  type Held,
  type Verified,
} from '../../operations/recovery-points/list.ts';
import { lostHint } from '../../operations/recovery-points/lost.ts';
import { withParts } from '../context.ts';
import { exit } from '../exit.ts';
import { commandOf, withConfig, type GlobalOptions } from '../globals.ts';
import { print, printJson, say } from '../output/speak.ts';
import { defaultColumns } from '../output/redraw.ts';
import { table } from '../output/table.ts';
import { wrap } from '../output/wrap.ts';

type Proof = Readonly<Record<string, JsonValue>>;

/** Which copy is looked at. */
export interface FromOptions {
  readonly from?: string;
}

export async function backupsList(globals: GlobalOptions, { from }: FromOptions): Promise<void> {
  await withParts(globals, async ({ repository: open }) => {
    const repository = await open(undefined, from);
    const { points, hasProblem, hasGone } = await listPoints(repository, { isCopy: from !== undefined });
    if (hasProblem) process.exitCode = exit.degraded;
    if (globals.output === 'json') return printJson(points);
    if (points.length === 0)
      return say(`no recovery point yet; make one with \`${commandOf(globals, 'backups run')}\``);
    const rows = points.map(({ timestamp, type, date, status, size, stored, verified, problem, components }) => [
      timestamp,
      type,
      ageOf(date),
      status,
      formatBytes(size),
      formatBytes(stored),
      // `never` would be a lie where the proof is there and cannot be believed.
      verified === null && problem !== null && !lackingStatuses.includes(status)
        ? 'UNREADABLE'
        : verifiedText(verified, components.length),
    ]);
    print(table(['TIMESTAMP (UTC)', 'TYPE', 'AGE', 'STATUS', 'SIZE', 'STORED', 'VERIFIED'], rows));
    for (const { timestamp, held } of points) if (held !== null) print(heldText(timestamp, held));
    for (const { timestamp, problem } of points) if (problem !== null) say(`${timestamp}: ${problem}`);
    if (hasGone) say(`  hint: ${withConfig(globals, lostHint)}`);
  });
}

export async function backupsShow(globals: GlobalOptions, id: string, { from }: FromOptions): Promise<void> {
  await withParts(globals, async ({ repository: open }) => {
    const repository = await open(undefined, from);
    const manifest = await repository.findManifest(id);
    const { proofs, problems } = await repository.knownProofs(manifest.timestamp);
    const held = (await holdsOf(repository)).get(manifest.timestamp) ?? null;
    if (globals.output === 'json') return printJson({ ...manifest, proofs, held });
    const { lifeboat } = manifest;
    const missing = configuredThen(manifest).filter(
      (component) => !lifeboat.components.some((record) => record.id === component),
    );
    print(
      [
        `${lifeboat.type} recovery point ${manifest.timestamp} of ${lifeboat.appliance}: ${statusOf(manifest)}`,
        `made by ${lifeboat.tool}, sealed ${lifeboat.sealedAt.slice(0, 19)}Z, skew ${formatDuration(lifeboat.skewSeconds)}`,
        ...(lifeboat.workflow === null ? [] : [`by ${lifeboat.workflow.id}`]),
        '',
        table(
          // The day stands above.
          ['COMPONENT', 'KIND', 'SIZE', 'NEW', 'FILES', 'UNTIL', 'STATE'],
          lifeboat.components.map((component) => [
            component.id,
            component.kind,
            formatBytes(component.bytes),
            formatBytes(component.storedBytes),
            String(component.files),
            `${component.capturedUntil.slice(11, 19)}Z`,
            component.suspect ? 'SUSPECT' : component.quiescence,
          ]),
        ),
        ...lifeboat.components.flatMap(({ id, chain }) =>
          chain === undefined
            ? []
            : [
                wrap(
                  `${id} is ${formatBytes(chain.walBytes)} of WAL on the base of ${chain.base}, to ${chain.endLsn}; replayed in about ${formatDuration(chain.forecastSeconds)}`,
                  defaultColumns,
                  '  ',
                ),
              ],
        ),
        ...lifeboat.components.flatMap(({ id, facts }) =>
          captureNotes(facts).map((note) => wrap(`${id}: ${note}`, defaultColumns, '  ')),
        ),
        ...(missing.length === 0 ? [] : [wrap(`NOT in it: ${missing.join(', ')}`, defaultColumns, '  ')]),
        ...lifeboat.failures.map(({ component, code, message }) =>
          wrap(`FAILED ${component}: ${code}: ${message}`, defaultColumns, '  '),
        ),
        ...proofs.flatMap(proofLines),
        ...(held === null ? [] : [heldText(manifest.timestamp, held)]),
      ].join('\n'),
    );
    for (const problem of problems) say(`warning: ${problem}`);
  });
}

function heldText(timestamp: string, { by, at, reason }: Held): string {
  return wrap(`${timestamp} is held by ${by} since ${at.slice(0, 16)}Z: ${reason}`, defaultColumns, '  ');
}

function proofLines(proof: Proof): string[] {
  const problems = Array.isArray(proof.problems) ? proof.problems.map(String) : [];
  return [
    `proof: ${levelsOf(proof).join('+')} ${proof.ok === true ? 'ok' : 'FAILED'} at ${textOf(proof.at)}`,
    ...problems.map((problem) => `  ${problem}`),
  ];
}

/** `L4:1/6` where restore tests proved one component of six. */
function verifiedText(verified: Verified | null, components: number): string {
  if (verified === null) return 'never';
  const { ok, levels, tried, at } = verified;
  const part = tried.length === 0 || levels.includes('L4') ? [] : [`L4:${tried.length}/${components}`];
  return `${ok ? [...levels, ...part].join('+') : 'FAILED'} ${ageOf(at)} ago`;
}

/** In its largest unit: the columns of a list are narrow. */
function ageOf(time: string): string {
  const [count = '', unit = ''] = formatDuration(Math.max(0, Date.now() - Date.parse(time)) / 1000).split(' ');
  return `${count} ${unit}`;
}

function levelsOf({ levels, kind }: Proof): string[] {
  return Array.isArray(levels) ? levels.map(String) : [textOf(kind)];
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : '';
}
