/** `lifeboat backups list|show`: they work with Temporal dead, and load nothing of it. */
import { formatBytes, formatDuration } from '../../domain/duration.ts';
import { captureNotes } from '../../domain/capture-notes.ts';
import { standingFailure, triedComponents, verdictOf } from '../../domain/proof-state.ts';
import { isRefuted, timeOfBackupId, type JsonValue, type Manifest } from '../../domain/recovery-point.ts';
import { datedPoint, newestFirst } from '../../domain/seal-order.ts';
import { lostHint, lostOf } from '../../operations/lost-points.ts';
import type { Hold } from '../../repository/collect/holds.ts';
import type { ManifestListing, Repository } from '../../repository/repository.ts';
import { withParts } from '../context.ts';
import { exit } from '../exit.ts';
import { commandOf, withConfig, type GlobalOptions } from '../globals.ts';
import { print, printJson, say } from '../output/speak.ts';
import { usualColumns } from '../output/redraw.ts';
import { table } from '../output/table.ts';
import { wrap } from '../output/wrap.ts';

interface PointView {
  readonly timestamp: string;
  readonly type: string;
  readonly date: string;
  readonly status: string;
  readonly components: readonly string[];
  readonly size: number;
  readonly stored: number;
  readonly files: number;
  readonly verified: Verified | null;
  readonly held: Held | null;
  readonly problem: string | null;
}

/** Who keeps it from retention, since when, and why. */
type Held = Pick<Hold, 'by' | 'at' | 'reason'>;

type Proof = Readonly<Record<string, JsonValue>>;

/** Of points without a manifest. */
const lacking: readonly string[] = ['DAMAGED', 'GONE'];

interface Verified {
  readonly at: string;
  readonly ok: boolean;
  /** L4 is among them only where every component was restored in a trial. */
  readonly levels: readonly string[];
  /** Components that a trial restore proved. */
  readonly tried: readonly string[];
}

/** Which copy is looked at. */
export interface FromOptions {
  readonly from?: string;
}

export async function backupsList(globals: GlobalOptions, { from }: FromOptions): Promise<void> {
  await withParts(globals, async ({ repository: open }) => {
    const repository = await open(undefined, from);
    const listings = await allListings(repository, from);
    const holds = await holdsOf(repository);
    const points = await Promise.all(listings.map(async (listing) => pointView(repository, listing, holds)));
    if (listings.some(({ problem }) => problem !== undefined)) process.exitCode = exit.degraded;
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
      verified === null && problem !== null && !lacking.includes(status)
        ? 'UNREADABLE'
        : verifiedText(verified, components.length),
    ]);
    print(table(['TIMESTAMP (UTC)', 'TYPE', 'AGE', 'STATUS', 'SIZE', 'STORED', 'VERIFIED'], rows));
    for (const { timestamp, held } of points) if (held !== null) print(heldText(timestamp, held));
    for (const { timestamp, problem } of points) if (problem !== null) say(`${timestamp}: ${problem}`);
    if (listings.some(({ isGone }) => isGone)) say(`  hint: ${withConfig(globals, lostHint)}`);
  });
}

/** Newest first, with what is gone. In a copy reports may be ahead of the points: there the chain alone tells. */
async function allListings(repository: Repository, from: string | undefined): Promise<ManifestListing[]> {
  const listings = await repository.listManifests();
  if (from !== undefined) return listings;
  const known = new Set(listings.map(({ timestamp }) => timestamp));
  const lost = (await lostOf(repository, { reports: 'recent' })).filter(({ timestamp }) => !known.has(timestamp));
  return newestFirst([...listings, ...lost], datedPoint);
}

async function pointView(
  repository: Repository,
  { timestamp, manifest, problem, isGone = false }: ManifestListing,
  holds: ReadonlyMap<string, Held>,
): Promise<PointView> {
  const components = manifest?.lifeboat.components ?? [];
  const { verified, unreadable } = await readProofs(
    repository,
    timestamp,
    components.map(({ id }) => id),
  );
  return {
    timestamp,
    type: manifest?.lifeboat.type ?? '',
    date: timeOfBackupId(timestamp)?.toISOString() ?? '',
    status: manifest !== undefined ? statusOf(manifest) : isGone ? 'GONE' : 'DAMAGED',
    components: components.map(({ id }) => id),
    size: components.reduce((sum, { bytes }) => sum + bytes, 0),
    stored: manifest?.total_size ?? 0,
    files: components.reduce((sum, { files }) => sum + files, 0),
    verified,
    held: holds.get(timestamp) ?? null,
    problem: problem ?? unreadable,
  };
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
                  usualColumns,
                  '  ',
                ),
              ],
        ),
        ...lifeboat.components.flatMap(({ id, facts }) =>
          captureNotes(facts).map((note) => wrap(`${id}: ${note}`, usualColumns, '  ')),
        ),
        ...(missing.length === 0 ? [] : [wrap(`NOT in it: ${missing.join(', ')}`, usualColumns, '  ')]),
        ...lifeboat.failures.map(({ component, code, message }) =>
          wrap(`FAILED ${component}: ${code}: ${message}`, usualColumns, '  '),
        ),
        ...proofs.flatMap(proofLines),
        ...(held === null ? [] : [heldText(manifest.timestamp, held)]),
      ].join('\n'),
    );
    for (const problem of problems) say(`warning: ${problem}`);
  });
}

async function holdsOf(repository: Repository): Promise<ReadonlyMap<string, Held>> {
  return new Map(
    (await repository.listHolds()).map(({ backupId, by, at, reason }) => [backupId, { by, at, reason }] as const),
  );
}

function heldText(timestamp: string, { by, at, reason }: Held): string {
  return wrap(`${timestamp} is held by ${by} since ${at.slice(0, 16)}Z: ${reason}`, usualColumns, '  ');
}

function proofLines(proof: Proof): string[] {
  const problems = Array.isArray(proof.problems) ? proof.problems.map(String) : [];
  return [
    `proof: ${levelsOf(proof).join('+')} ${proof.ok === true ? 'ok' : 'FAILED'} at ${textOf(proof.at)}`,
    ...problems.map((problem) => `  ${problem}`),
  ];
}

/** `2 of 5` where somebody chose components: good, but not everything. */
function statusOf(manifest: Manifest): string {
  const { success, lifeboat } = manifest;
  if (!success) return 'PARTIAL';
  if (lifeboat.components.some(({ suspect }) => suspect)) return 'SUSPECT';
  const wanted = configuredThen(manifest).length;
  return lifeboat.components.length < wanted ? `${lifeboat.components.length} of ${wanted}` : 'ok';
}

function configuredThen({ configuration: { components } }: Manifest): string[] {
  return typeof components === 'object' && components !== null ? Object.keys(components) : [];
}

/** What was proven since the last failure, and when last, by all that can be read; and what cannot. */
async function readProofs(
  repository: Repository,
  timestamp: string,
  components: readonly string[],
): Promise<{ readonly verified: Verified | null; readonly unreadable: string | null }> {
  const known = await repository.knownProofs(timestamp);
  const unreadable = known.problems.length === 0 ? null : known.problems.join('; ');
  const proofs = known.proofs
    .filter(({ kind }) => kind === 'verify')
    .toSorted((a, b) => textOf(b.at).localeCompare(textOf(a.at)));
  const [newest] = proofs;
  if (newest === undefined) return { verified: null, unreadable };
  const verdicts = proofs.map((proof) => ({ ...verdictOf(proof), at: textOf(proof.at) }));
  const failure = standingFailure(verdicts);
  if (failure !== undefined)
    return { verified: { at: failure.at, ok: false, levels: failure.levels, tried: [] }, unreadable };
  const before = verdicts.findIndex(({ state }) => isRefuted(state));
  const good = before === -1 ? verdicts : verdicts.slice(0, before);
  const tried = triedComponents(good);
  const isWhole = components.every((id) => tried.includes(id));
  const levels = [...new Set(good.flatMap((verdict) => verdict.levels))].filter((level) => level !== 'L4' || isWhole);
  return { verified: { at: textOf(newest.at), ok: true, levels: levels.sort(), tried }, unreadable };
}

/** `L4:1/6` where trial restores proved one component of six. */
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
