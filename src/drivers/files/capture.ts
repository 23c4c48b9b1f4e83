/** Reads the configured files and folders into a component writer. */
import { createHash } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import type { ComponentConfig, FilesConfig } from '../../domain/appliance.ts';
import type { EntryMeta } from '../../domain/entry.ts';
import { isLifeboatError, LifeboatError } from '../../domain/errors.ts';
import { toJson } from '../../json/to-json.ts';
import { AttributeCapture } from '../attributes/capture.ts';
import type { CaptureContext, CaptureFacts } from '../driver.ts';
import { Meanwhile } from '../folder/meanwhile.ts';
import { forEachConcurrently } from './concurrently.ts';
import { factsPath, type FilesFacts } from './facts.ts';
import { fingerprintOf, identified } from './fingerprint.ts';
import { groundOf, lackOf, leadOf, type Ground } from './lead.ts';
import { LinkedFiles, type ReadAs } from './linked-files.ts';
import { readOwners } from './owners.ts';
import { isInside, rootsOf } from './paths.ts';
import { earlierFacts, isEmptied, placesOf, unmountedPaths } from './places.ts';
import { refuseExchanged, unusable, walk, type Found, type WalkOptions } from './walk.ts';

/** Small files wait for the disk more than for a core. */
const filesAtOnce = 8;

interface Tally {
  files: number;
  bytes: number;
  folders: number;
  links: number;
  readonly meanwhile: Meanwhile;
  readonly dangling: string[];
  /** By configured path. */
  readonly filesOf: Map<string, number>;
  /** The configured paths that are folders, as they were found. */
  readonly rootFolders: Map<string, BigIntStats>;
}

/**
 * Precondition for a configured path whose disk is not mounted any more; SourceEmpty for one that is absent, or no file
 * at all; SourceChanged for one that goes, or is exchanged, while it is read; PermissionDenied names what cannot be read.
 * What goes, or becomes something else, below a configured path after it was listed is not part of the capture. The set is
 * `stable-window` if a second look at every entry finds nothing changed since the first. Links stay links; what they lead
 * to and no component carries is left out.
 */
export async function captureFiles(
  config: FilesConfig,
  context: CaptureContext,
  others: readonly ComponentConfig[],
): Promise<CaptureFacts> {
  const component = config.id;
  const roots = rootsOf(config.paths);
  const options: WalkOptions = { component, roots, exclude: config.exclude, owners: await readOwners() };
  const { previous: record, repository } = context;
  const known = record === undefined ? undefined : await earlierFacts({ repository, record });
  const refuseUnmounted = async (): Promise<void> => {
    if (record === undefined || known === undefined) return;
    const [first] = await unmountedPaths(roots, { repository, record }, known);
    if (first !== undefined) throw first.error;
  };
  await refuseUnmounted();
  const capturedFrom = new Date();
  const tally: Tally = {
    files: 0,
    bytes: 0,
    folders: 0,
    links: 0,
    meanwhile: new Meanwhile(),
    dangling: [],
    filesOf: new Map(),
    rootFolders: new Map(),
  };
  const walked = createHash('sha256');
  const ground = await groundOf(config.paths, others);
  const attributes = await AttributeCapture.begin();
  const work: Work = { context, tally, ground, component, roots, attributes, linked: new LinkedFiles() };
  const entries = withAttributes(identified(walk(options), walked), attributes);
  await forEachConcurrently(entries, filesAtOnce, async (found) => {
    context.signal.throwIfAborted();
    await captureOne(found, work);
  });
  await refuseExchanged(tally.rootFolders, component);
  // It may have gone before the walk came to it.
  await refuseUnmounted();
  const { dangling, meanwhile } = tally;
  if (tally.files === 0) throw noFile(roots, meanwhile, component);
  const fingerprint = walked.digest('hex');
  // Nothing came, went or changed between the two walks, so all that was read in between was there at one time.
  const isStable = meanwhile.isStill && (await fingerprintOf(options)) === fingerprint;
  const places = await placesOf(roots, tally.filesOf, known, config.exclude);
  const emptied = places.filter(isEmptied).length;
  const facts: FilesFacts = {
    paths: roots,
    exclude: config.exclude,
    ...meanwhile.sealedFacts,
    dangling,
    fingerprint,
    places,
    ...attributes.sealedFacts,
  };
  await context.writer.bytes(factsPath, Buffer.from(toJson(facts)));
  return {
    capturedFrom,
    capturedUntil: new Date(),
    quiescence: isStable ? 'stable-window' : 'unproven',
    facts: {
      files: tally.files,
      folders: tally.folders,
      links: tally.links,
      ...(emptied === 0 ? {} : { emptied }),
      ...meanwhile.facts,
      ...attributes.facts,
    },
  };
}

function noFile(roots: readonly string[], { hasVanished }: Meanwhile, component: string): LifeboatError {
  const where = roots.map((root) => `\`${root}\``).join(', ');
  return !hasVanished
    ? new LifeboatError('SourceEmpty', `no file in ${where}`, { component })
    : new LifeboatError('SourceChanged', `no file in ${where} stayed until it was read`, { component });
}

interface Work {
  readonly context: CaptureContext;
  readonly tally: Tally;
  readonly ground: Ground;
  readonly component: string;
  readonly roots: readonly string[];
  readonly attributes: AttributeCapture;
  readonly linked: LinkedFiles;
}

async function captureOne(found: Found, work: Work): Promise<void> {
  const { writer } = work.context;
  const { tally, linked } = work;
  if (found.kind === 'vanished') {
    tally.meanwhile.vanished(found.path);
  } else if (found.kind === 'skipped') {
    writer.leaveOut({ path: found.path, what: found.what });
  } else if (found.kind === 'file') {
    const read: ReadAs = async (entry) => captureFile(entry, found, work);
    await (found.stats.nlink > 1n ? linked.first(found.entry, read) : read(found.entry));
  } else if (found.entry.type === 'directory') {
    const path = `/${found.entry.path}`;
    if (work.roots.includes(path)) tally.rootFolders.set(path, found.stats);
    await writer.add(found.entry);
    tally.folders++;
  } else if (found.entry.type === 'hardlink') {
    const entry = await linked.other(found.entry, async (own) =>
      captureFile({ ...own, ...(await work.attributes.of(found.source)) }, found, work),
    );
    if (entry === undefined) return;
    await writer.add(entry);
    tally.links++;
  } else {
    await writer.add(found.entry);
    tally.links++;
    await followLink(`/${found.entry.path}`, found.source, work);
  }
}

async function followLink(path: string, source: Buffer, { context, tally, ground }: Work): Promise<void> {
  const lead = await leadOf(source.toString('latin1'), ground);
  if (lead.where === 'nowhere') tally.dangling.push(path);
  const what = lackOf(lead);
  if (what !== undefined) context.writer.leaveOut({ path, what });
}

/** False where nothing was read, or another file that had taken the name meanwhile. */
async function captureFile(
  entry: EntryMeta & { readonly type: 'file' },
  { source, stats }: Exclude<Found, { readonly kind: 'skipped' | 'vanished' }>,
  { context, tally, component, roots }: Work,
): Promise<boolean> {
  const path = `/${entry.path}`;
  try {
    const { changedDuringRead, inode } = await context.writer.fromDisk(entry, source);
    const isListed = inode === `${stats.ino}`;
    if (changedDuringRead || !isListed) tally.meanwhile.changed(entry.path);
    tally.files++;
    const root = roots.find((each) => isInside(path, each)) ?? path;
    tally.filesOf.set(root, (tally.filesOf.get(root) ?? 0) + 1);
    tally.bytes += Number(stats.size);
    context.onProgress({ phase: 'reading files', bytesDone: tally.bytes, bytesTotal: 0 });
    return isListed;
  } catch (error) {
    if (!isLifeboatError(error, 'SourceChanged') || roots.includes(path)) throw unusable(error, path, component);
    tally.meanwhile.vanished(path);
    return false;
  }
}

/** Links have none that are carried; a second name has those of the first. */
function withAttributes(entries: AsyncIterable<Found>, attributes: AttributeCapture): AsyncGenerator<Found> {
  return attributes.addTo(
    entries,
    (found) =>
      found.kind === 'file' || (found.kind === 'other' && found.entry.type === 'directory') ? found.source : undefined,
    (found, xattrs): Found => {
      if (found.kind === 'file') return { ...found, entry: { ...found.entry, xattrs } };
      return found.kind === 'other' ? { ...found, entry: { ...found.entry, xattrs } } : found;
    },
  );
}
