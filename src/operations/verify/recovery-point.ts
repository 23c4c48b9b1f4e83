/**
 * Verifies a stored recovery point without restoring it.
 *  L1-presence  every stored object is there with its size (seconds; what a restore asks before anything stops)
 *  L1           every object authenticates and every block has its id
 *  L2           it is about as large as the ones before it
 *  L3           every artefact has its structure, by its driver, and by its names WAL leads to it without a hole
 * Every problem names component, file and object.
 */
import { LifeboatError } from '../../domain/errors.ts';
import type { ReportProgress } from '../../domain/progress.ts';
import { isRefuted, type BackupId, type Manifest } from '../../domain/recovery-point.ts';
import type { Driver } from '../../drivers/driver.ts';
import type { CheckResult, Repository } from '../../repository/repository.ts';
import { sizesOf } from '../../repository/sizes.ts';
import { inspectPoint, type Structure } from './structure.ts';
import { checkSizes, type SizeCheck } from './size-check.ts';
import { checkChain, type ChainCheck } from '../wal/chain.ts';

export type VerifyLevel = 'L1-presence' | 'L1' | 'L2' | 'L3';

export interface VerifyOptions {
  readonly repository: Repository;
  readonly at: string;
  readonly components: readonly string[];
  readonly levels: readonly VerifyLevel[];
  /** Needed for L3. NotFound for a component that is not configured any more: it has no L3. */
  readonly driver?: (component: string) => Promise<Driver>;
  readonly onProgress: ReportProgress;
  readonly signal: AbortSignal;
  /** Throws the first problem instead of returning all. */
  readonly orThrow: boolean;
}

export interface VerifyResult {
  readonly id: BackupId;
  readonly ok: boolean;
  readonly objects: number;
  readonly bytes: number;
  readonly problems: readonly string[];
  /** Damage that no file of the point is touched by. */
  readonly notes: readonly string[];
  /** What every component was taken through. */
  readonly levels: readonly VerifyLevel[];
  /** Components that are not configured any more, and so stand without L3. */
  readonly uninspected: readonly string[];
}

/** NotFound, Aborted (by the signal's reason): a verification that was stopped proves neither health nor damage. */
export async function verifyPoint(options: VerifyOptions): Promise<VerifyResult> {
  const { repository, signal } = options;
  const manifest = await repository.findManifest(options.at);
  requireKnown(manifest, options.components);
  const result = options.levels.includes('L1') ? await check(options, manifest) : await presence(options, manifest);
  signal.throwIfAborted();
  const structure = await inspect(options, manifest);
  signal.throwIfAborted();
  const chains = options.levels.some((level) => level === 'L1' || level === 'L3')
    ? await checkChains(options, manifest)
    : noChains;
  signal.throwIfAborted();
  const sizes = options.levels.includes('L2') ? await weigh(options, manifest) : { problems: [], notes: [] };
  const problems = [...result.problems.map(describe), ...chains.problems, ...sizes.problems, ...structure.problems];
  const [first] = result.problems;
  if (options.orThrow && first !== undefined) {
    throw new LifeboatError(first.code === 'ObjectMissing' ? 'ObjectMissing' : 'ObjectCorrupt', describe(first), {
      component: first.component,
    });
  }
  const { uninspected } = structure;
  const verified: VerifyResult = {
    id: manifest.timestamp,
    ok: problems.length === 0,
    objects: result.objects + chains.objects,
    bytes: result.bytes + chains.bytes,
    problems,
    notes: [...result.notes, ...sizes.notes],
    levels: options.levels.filter((level) => level !== 'L3' || uninspected.length === 0),
    uninspected,
  };
  // Of chosen components only damage says something about the point; presence alone proves nothing.
  if (options.levels.join() !== 'L1-presence' && (options.components.length === 0 || !verified.ok))
    await prove(repository, manifest, verified, {
      state: stateOf(options, manifest, verified),
      levels: verified.ok
        ? verified.levels
        : [
            ...(result.problems.length + chains.problems.length > 0 ? levelsOfObjects(options.levels) : []),
            ...(sizes.problems.length > 0 ? (['L2'] as const) : []),
            ...(structure.problems.length > 0 ? (['L3'] as const) : []),
          ],
      damagedPacks: result.damagedPacks,
    });
  return verified;
}

/** Those that look at what is stored; WAL behind an increment counts as that. */
function levelsOfObjects(levels: readonly VerifyLevel[]): readonly VerifyLevel[] {
  const own = levels.filter((level) => level === 'L1' || level === 'L1-presence');
  return own.length === 0 ? levels : own;
}

/** Undefined where hashes alone were looked at: they say nothing against a structure that was found wrong before. */
function stateOf({ levels }: VerifyOptions, { lifeboat }: Manifest, { ok }: VerifyResult): string | undefined {
  if (!ok) return 'failed';
  if (!levels.includes('L3')) return undefined;
  // Captured while it changed: whole, but nobody knows whether its files belong together.
  return lifeboat.components.some(({ quiescence }) => quiescence === 'unproven') ? 'unproven' : 'verified';
}

/** Problems name files and are sealed with the proof's details; which components they concern stays in clear. */
async function prove(
  repository: Repository,
  { lifeboat }: Manifest,
  { id, ok, objects, bytes, problems }: VerifyResult,
  {
    state,
    levels,
    damagedPacks,
  }: {
    readonly state: string | undefined;
    /** That went well, or that failed: who lifts the failure must look at these. */
    readonly levels: readonly VerifyLevel[];
    readonly damagedPacks: readonly string[];
  },
): Promise<void> {
  await repository.putProof(id, {
    kind: 'verify',
    levels: [...levels],
    ok,
    ...(state === undefined ? {} : { state }),
    at: new Date().toISOString(),
    objects,
    bytes,
    components: lifeboat.components
      .map((component) => component.id)
      .filter((component) => problems.some((problem) => problem.startsWith(`${component}: `))),
    problemCount: problems.length,
    problems: problems.slice(0, 50),
    damagedPacks: [...damagedPacks],
  });
}

function check(
  { repository, components, onProgress, signal }: VerifyOptions,
  manifest: Manifest,
): Promise<CheckResult> {
  return repository.check(manifest, { ...(components.length === 0 ? {} : { components }), onProgress, signal });
}

async function weigh({ repository }: VerifyOptions, manifest: Manifest): Promise<SizeCheck> {
  const earlier: Manifest[] = [];
  const listings = await repository.listManifests();
  const proofs = await repository.proofBook();
  const at = listings.findIndex(({ timestamp }) => timestamp === manifest.timestamp);
  for (const { manifest: other, foreign } of listings.slice(at + 1)) {
    if (other === undefined || foreign !== listings[at]?.foreign) continue;
    if (!isRefuted(await proofs.state(other.timestamp))) earlier.push(other);
    if (earlier.length >= historyLooked) break;
  }
  return checkSizes(manifest, earlier);
}

const historyLooked = 30;

const noChains: ChainCheck = { objects: 0, bytes: 0, problems: [] };

/** The WAL that leads from older bases to the point. */
async function checkChains(
  { repository, components, levels, signal }: VerifyOptions,
  manifest: Manifest,
): Promise<ChainCheck> {
  let sum = noChains;
  for (const record of manifest.lifeboat.components) {
    if (components.length > 0 && !components.includes(record.id)) continue;
    const { objects, bytes, problems } = await checkChain(repository, record, { read: levels.includes('L1'), signal });
    sum = {
      objects: sum.objects + objects,
      bytes: sum.bytes + bytes,
      problems: [...sum.problems, ...problems],
    };
  }
  return sum;
}

/** Presence and size of every object; only where one is wrong the slow check runs, because it can name files and components. */
async function presence(options: VerifyOptions, manifest: Manifest): Promise<CheckResult> {
  const { repository, signal } = options;
  const files = manifest.backup_files;
  signal.throwIfAborted();
  const there = await sizesOf(
    repository.storage,
    files.map(({ path }) => path),
  );
  if (files.some(({ path, size }) => there.get(path) !== size)) return check(options, manifest);
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  return { ok: true, objects: files.length, bytes, problems: [], notes: [], damagedPacks: [] };
}

async function inspect(
  { repository, components, levels, driver, signal }: VerifyOptions,
  manifest: Manifest,
): Promise<Structure> {
  if (driver === undefined || !levels.includes('L3')) return { problems: [], uninspected: [] };
  const all = manifest.lifeboat.components;
  const records = all.filter(({ id }) => components.length === 0 || components.includes(id));
  return inspectPoint({ repository, records, driver, signal });
}

function describe({ component, file, object, code, message }: CheckResult['problems'][number]): string {
  const where = [
    ...(file === undefined ? [] : [`file \`${file}\``]),
    // Most messages name the object themselves.
    ...(message.includes(object) ? [] : [`object ${object}`]),
  ];
  return [component, ...(where.length === 0 ? [] : [where.join(', ')]), code, message].join(': ');
}

function requireKnown(manifest: Manifest, components: readonly string[]): void {
  const known = manifest.lifeboat.components.map(({ id }) => id);
  const unknown = components.filter((id) => !known.includes(id));
  if (unknown.length > 0) {
    throw new LifeboatError(
      'NotFound',
      `recovery point ${manifest.timestamp} holds no component ${unknown.map((id) => `\`${id}\``).join(', ')}; it holds ${known.join(', ')}`,
    );
  }
}
