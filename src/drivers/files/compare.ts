/**
 * Compares what stands on disk with a sealed index: every file's bytes, mode, owner and attributes, every folder and link.
 * Says what differs, never what is in it: results are stored in the clear.
 */
import { createHash } from 'node:crypto';
import { lstat, open, readlink } from 'node:fs/promises';
import type { FileEntry, IndexEntry } from '../../domain/entry.ts';
import type { ProbeResult } from '../../domain/recovery-point.ts';
import { AttributeProbes } from '../attributes/probes.ts';
import type { RestoreContext } from '../driver.ts';
import { forEachConcurrently } from './concurrently.ts';
import { readOwners, type Owners } from './owners.ts';
import { admittedRoot, isReserved, pathBytes } from './paths.ts';

const filesAtOnce = 4;
/** A whole folder that is wrong would otherwise give a result per file. */
const shownMismatches = 50;

export interface CompareOptions {
  readonly context: RestoreContext;
  readonly roots: readonly string[];
  /** Where the data of a configured path stands now: itself, or its staging. */
  readonly placeOf: (root: string) => Promise<string>;
}

/** One result per configured path that the index knows, one for attributes, and one for each entry that differs (the first 50). */
export async function compareWithIndex({ context, roots, placeOf }: CompareOptions): Promise<ProbeResult[]> {
  const { record, repository, signal, onProgress } = context;
  const owners = await readOwners();
  const places = new Map<string, string>();
  for (const root of roots) places.set(root, await placeOf(root));
  const tallies = new Map<string, { entries: number; same: number }>();
  const mismatches: ProbeResult[] = [];
  const attributes = new AttributeProbes(record.id);
  let bytesDone = 0;
  await forEachConcurrently(wanted(repository.readIndex(record.indexId, signal)), filesAtOnce, async (entry) => {
    const root = admittedRoot(entry, roots, record.id);
    const tally = tallies.get(root) ?? { entries: 0, same: 0 };
    tallies.set(root, tally);
    const inside = pathBytes(entry).subarray(Buffer.byteLength(root) - 1);
    const path = Buffer.concat([Buffer.from(places.get(root) ?? root), inside]);
    const expected = describeExpected(entry, owners);
    const actual = await describeActual(path, entry);
    await attributes.add(`${entry.type} /${entry.path}`, path, entry.xattrs);
    tally.entries++;
    if (actual === expected) tally.same++;
    else mismatches.push({ component: record.id, name: `${entry.type} /${entry.path}`, expected, actual, ok: false });
    if (entry.type === 'file') bytesDone += entry.size;
    onProgress({ phase: 'comparing files', bytesDone, bytesTotal: record.bytes });
  });
  const summaries = [...tallies].map(([root, { entries, same }]): ProbeResult => {
    return {
      component: record.id,
      name: `path ${root}`,
      expected: `${entries} entries as captured`,
      actual: `${same} entries as captured`,
      ok: same === entries,
    };
  });
  const [sum, ...lost] = await attributes.results();
  return [...summaries, ...(sum === undefined ? [] : [sum]), ...[...mismatches, ...lost].slice(0, shownMismatches)];
}

async function* wanted(entries: AsyncIterable<IndexEntry>): AsyncGenerator<IndexEntry> {
  for await (const entry of entries) if (!isReserved(entry.path)) yield entry;
}

function describeExpected(entry: IndexEntry, owners: Owners): string {
  // Only root can give files away: otherwise they belong to whoever restored them.
  const { uid, gid } =
    process.getuid?.() === 0 ? owners.resolve(entry) : { uid: process.getuid?.() ?? 0, gid: undefined };
  const owner = gid === undefined ? `owner ${uid}` : `owner ${uid}:${gid}`;
  const mode = `mode ${octal(entry.mode)}`;
  if (entry.type === 'symlink') return `link as captured`;
  if (entry.type === 'directory') return `folder, ${mode}, ${owner}`;
  return entry.type === 'file'
    ? `${entry.size} bytes as captured, ${mode}, ${owner}`
    : `a second name of /${entry.target ?? ''}, ${mode}, ${owner}`;
}

async function describeActual(path: Buffer, entry: IndexEntry): Promise<string> {
  const stats = await lstat(path).catch(() => undefined);
  if (stats === undefined) return 'absent';
  const owner = process.getuid?.() === 0 ? `owner ${stats.uid}:${stats.gid}` : `owner ${stats.uid}`;
  const mode = `mode ${octal(stats.mode & 0o7777)}`;
  if (stats.isSymbolicLink()) {
    return entry.type === 'symlink' && (await readlink(path)) === entry.target
      ? 'link as captured'
      : 'a link that leads elsewhere';
  }
  if (stats.isDirectory()) return `folder, ${mode}, ${owner}`;
  if (!stats.isFile()) return 'neither file nor folder';
  if (entry.type === 'hardlink')
    return `${stats.nlink > 1 ? `a second name of /${entry.target ?? ''}` : 'a file of its own'}, ${mode}, ${owner}`;
  if (entry.type !== 'file') return `a file, ${mode}, ${owner}`;
  return `${stats.size} bytes ${await contentVerdict(path, entry, stats.size)}, ${mode}, ${owner}`;
}

async function contentVerdict(path: Buffer, entry: FileEntry, size: number): Promise<string> {
  if (size !== entry.size) return 'of other content';
  const found = await sha256Of(path).catch((error: unknown) => (error as NodeJS.ErrnoException).code ?? 'error');
  if (found.length < 64) return `that cannot be read (${found})`;
  return found === entry.sha256 ? 'as captured' : 'of other content';
}

async function sha256Of(path: Buffer): Promise<string> {
  const hash = createHash('sha256');
  const handle = await open(path, 'r');
  try {
    const chunk = Buffer.allocUnsafe(1 << 20);
    for (;;) {
      const { bytesRead } = await handle.read(chunk, 0, chunk.length);
      if (bytesRead === 0) return hash.digest('hex');
      hash.update(chunk.subarray(0, bytesRead));
    }
  } finally {
    await handle.close();
  }
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}
