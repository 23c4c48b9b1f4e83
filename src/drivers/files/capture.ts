/** Reads the configured files and folders into a component writer. */
import { createHash } from 'node:crypto';
import type { ComponentConfig, FilesConfig } from '../../domain/appliance.ts';
import { LifeboatError } from '../../domain/errors.ts';
import type { ComponentWriter } from '../../repository/repository.ts';
import { AttributeCapture } from '../attributes/capture.ts';
import type { CaptureContext, CaptureFacts } from '../driver.ts';
import { forEachConcurrently } from './concurrently.ts';
import { factsPath, type FilesFacts } from './facts.ts';
import { fingerprintOf, identified } from './fingerprint.ts';
import { groundOf, lackOf, leadOf, type Ground } from './lead.ts';
import { readOwners } from './owners.ts';
import { rootsOf } from './paths.ts';
import { unusable, walk, type Found, type WalkOptions } from './walk.ts';

/** Small files wait for the disk more than for a core. */
const filesAtOnce = 8;

interface Tally {
  files: number;
  bytes: number;
  folders: number;
  links: number;
  readonly changed: string[];
  readonly dangling: string[];
}

/**
 * SourceEmpty for a configured path that is absent, or no file at all; PermissionDenied names what cannot be read.
 * The set is `stable-window` if a second look at every entry finds nothing changed since the first. Links stay links; what
 * they lead to and no component carries is left out.
 */
export async function captureFiles(
  config: FilesConfig,
  context: CaptureContext,
  others: readonly ComponentConfig[],
): Promise<CaptureFacts> {
  const roots = rootsOf(config.paths);
  const options: WalkOptions = { component: config.id, roots, exclude: config.exclude, owners: await readOwners() };
  const capturedFrom = new Date();
  const tally: Tally = { files: 0, bytes: 0, folders: 0, links: 0, changed: [], dangling: [] };
  const walked = createHash('sha256');
  const ground = await groundOf(config.paths, others);
  const attributes = await AttributeCapture.begin();
  const entries = withAttributes(identified(walk(options), walked), attributes);
  await forEachConcurrently(entries, filesAtOnce, async (found) => {
    context.signal.throwIfAborted();
    await captureOne(found, context, { tally, ground, component: config.id });
  });
  if (tally.files === 0)
    throw new LifeboatError('SourceEmpty', `no file in ${roots.map((root) => `\`${root}\``).join(', ')}`, {
      component: config.id,
    });
  const fingerprint = walked.digest('hex');
  // Nothing came, went or changed between the two walks, so all that was read in between was there at one time.
  const isStable = tally.changed.length === 0 && (await fingerprintOf(options)) === fingerprint;
  const { changed, dangling } = tally;
  const facts: FilesFacts = {
    paths: roots,
    exclude: config.exclude,
    changed,
    dangling,
    fingerprint,
    ...attributes.sealedFacts,
  };
  await context.writer.bytes(factsPath, Buffer.from(JSON.stringify(facts)));
  return {
    capturedFrom,
    capturedUntil: new Date(),
    quiescence: isStable ? 'stable-window' : 'unproven',
    facts: {
      files: tally.files,
      folders: tally.folders,
      links: tally.links,
      changedDuringRead: tally.changed.length,
      ...attributes.facts,
    },
  };
}

async function captureOne(
  found: Found,
  { writer, onProgress }: CaptureContext,
  { tally, ground, component }: { readonly tally: Tally; readonly ground: Ground; readonly component: string },
): Promise<void> {
  if (found.kind === 'skipped') {
    writer.leaveOut({ path: found.path, what: found.what });
  } else if (found.kind === 'other') {
    await writer.add(found.entry);
    if (found.entry.type === 'directory') tally.folders++;
    else tally.links++;
    if (found.entry.type !== 'symlink') return;
    const path = `/${found.entry.path}`;
    const lead = await leadOf(found.source.toString('latin1'), ground);
    if (lead.where === 'nowhere') tally.dangling.push(path);
    const what = lackOf(lead);
    if (what !== undefined) writer.leaveOut({ path, what });
  } else {
    const bytes = Number(found.stats.size);
    if (await captureFile(found, writer, component)) tally.changed.push(found.entry.path);
    tally.files++;
    tally.bytes += bytes;
    onProgress({ phase: 'reading files', bytesDone: tally.bytes, bytesTotal: 0 });
  }
}

/** Returns whether it changed while it was read. */
async function captureFile(
  found: Found & { kind: 'file' },
  writer: ComponentWriter,
  component: string,
): Promise<boolean> {
  try {
    return (await writer.fromDisk(found.entry, found.source)).changedDuringRead;
  } catch (error) {
    throw unusable(error, `/${found.entry.path}`, component);
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
