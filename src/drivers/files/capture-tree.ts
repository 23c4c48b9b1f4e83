/** Brings what a walk finds into a component writer, in the order of the walk. */
import { pathsAtOnce } from '../../attributes/read.ts';
import type { FilesConfig } from '../../domain/appliance.ts';
import type { EntryMeta, OtherEntry } from '../../domain/entry.ts';
import { isLifeboatError } from '../../domain/errors.ts';
import type { DiskFile, DiskResult } from '../../repository/repository.ts';
import type { Place } from '../../repository/writer/index-builder.ts';
import type { AttributeCapture, AttributesOfAll } from '../attributes/capture.ts';
import type { CaptureContext } from '../driver.ts';
import { Meanwhile } from '../folder/meanwhile.ts';
import type { WalkTree } from '../tree/tree-threads.ts';
import type { FoundFile, FoundFacts } from './found-file.ts';
import { lackOf, leadOf, type Ground } from './lead.ts';
import { LinkedFiles, type ReadAs } from './linked-files.ts';
import { isInside, rootsOf } from './paths.ts';
import { unusable, type Found, type WalkOptions } from './walk.ts';

/** Files of up to so many bytes are read together, so many in one go. */
const togetherBytes = 64 * 1024;
const filesTogether = 1000;
const bytesTogether = 3 * 1024 * 1024;

/** After so many entries what waits for its attributes goes on, however little it is: each asking starts a program. */
const longestWait = 16_000;

/** Files, or files that are read together, on their way at once. */
const tasksAtOnce = 8;

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
  readonly rootFolders: Map<string, FoundFacts>;
}

/** What is neither left out nor gone, with its place in the index. */
interface Wanted {
  readonly found: Exclude<Found, { readonly kind: 'skipped' | 'vanished' }>;
  readonly place: Place;
}
type FileMeta = EntryMeta & { readonly type: 'file' };

interface FileTogether extends DiskFile {
  readonly found: FoundFile;
}

export interface TreeCaptureParts {
  readonly ground: Ground;
  readonly attributes: AttributeCapture;
  readonly walkTree: WalkTree;
}

export class TreeCapture {
  readonly #context: CaptureContext;
  readonly #component: string;
  readonly #roots: readonly string[];
  readonly #ground: Ground;
  readonly #walkTree: WalkTree;
  readonly #linked = new LinkedFiles();
  /** What is not unchanged, and waits for its attributes. */
  #rest: Wanted[] = [];
  /** Entries that came since. */
  #unflushed = 0;
  #dispatched: Promise<void> = Promise.resolve();
  readonly #running = new Set<Promise<void>>();
  #failure: { readonly error: unknown } | undefined;
  readonly attributes: AttributeCapture;
  readonly tally: Tally = {
    files: 0,
    bytes: 0,
    folders: 0,
    links: 0,
    meanwhile: new Meanwhile(),
    dangling: [],
    filesOf: new Map(),
    rootFolders: new Map(),
  };

  constructor(config: FilesConfig, context: CaptureContext, { ground, attributes, walkTree }: TreeCaptureParts) {
    this.#context = context;
    this.#component = config.id;
    this.#roots = rootsOf(config.paths);
    this.#ground = ground;
    this.#walkTree = walkTree;
    this.attributes = attributes;
  }

  /** The fingerprint of all that was found. */
  async capture(options: WalkOptions): Promise<string> {
    const walking = this.#walkTree(options);
    try {
      for (;;) {
        const { done, value } = await walking.next();
        if (done !== true) await this.#captureBatch(value);
        else {
          await this.#captureRest();
          return value;
        }
      }
    } finally {
      await walking.return('');
      await this.#settle();
    }
  }

  /** First what is unchanged is taken over; only the attributes of the rest are read. */
  async #captureBatch(found: readonly Found[]): Promise<void> {
    for (const each of found) {
      this.#check();
      const wanted = this.#wantedOf(each);
      if (wanted !== undefined && !(await this.#isTakenOver(wanted))) this.#rest.push(wanted);
    }
    await this.#context.writer.room();
    this.#unflushed += found.length;
    // What follows in the index waits for them.
    if (this.#rest.length >= pathsAtOnce || this.#unflushed >= longestWait) await this.#captureRest();
  }

  async #captureRest(): Promise<void> {
    const rest = this.#rest;
    this.#rest = [];
    this.#unflushed = 0;
    const paths = rest.filter(({ found }) => found.kind === 'file' || found.entry.type === 'directory').map(sourceOf);
    // Read while what came before is still on its way.
    const reading = this.attributes.ofAll(paths);
    reading.catch(() => undefined);
    await this.#dispatched;
    // A failure is thrown to the next caller, after what is under way.
    this.#dispatched = this.#dispatch(rest, reading).catch((error: unknown) => {
      this.#failure ??= { error };
    });
  }

  async #dispatch(rest: readonly Wanted[], reading: Promise<AttributesOfAll>): Promise<void> {
    const all = await reading;
    let files: FileTogether[] = [];
    let bytes = 0;
    for (const { found, place } of rest) {
      this.#check();
      if (found.kind !== 'file' || found.facts.names > 1 || found.facts.size > togetherBytes) {
        await this.#start(async () => this.#captureOne({ found, place }, all));
        continue;
      }
      files.push({ found, place, xattrs: all.found.get(found.source), hasAllAttributes: all.isWhole(found.source) });
      bytes += found.facts.size;
      if (files.length < filesTogether && bytes < bytesTogether) continue;
      const batch = files;
      await this.#start(async () => this.#captureFiles(batch));
      [files, bytes] = [[], 0];
    }
    if (files.length > 0) await this.#start(async () => this.#captureFiles(files));
  }

  /** Returns when there is room for the next. */
  async #start(work: () => Promise<void>): Promise<void> {
    const task: Promise<void> = work()
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => this.#running.delete(task));
    this.#running.add(task);
    while (this.#running.size >= tasksAtOnce) await Promise.race(this.#running);
    this.#check();
  }

  async #settle(): Promise<void> {
    await this.#dispatched;
    await Promise.all(this.#running);
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
    this.#context.signal.throwIfAborted();
  }

  #wantedOf(found: Found): Wanted | undefined {
    if (found.kind === 'vanished') this.tally.meanwhile.vanished(found.path);
    else if (found.kind === 'skipped') this.#context.writer.leaveOut({ path: found.path, what: found.what });
    else return { found, place: this.#context.writer.place() };
    return undefined;
  }

  async #isTakenOver({ found, place }: Wanted): Promise<boolean> {
    // Of a file with several names the first that can be read carries the content.
    if (found.kind !== 'file' || found.facts.names > 1) return false;
    const reusing = this.#context.writer.reuse(found, place);
    const known = reusing instanceof Promise ? await reusing : reusing;
    if (known === undefined) return false;
    this.attributes.takeOver(known.xattrs);
    this.#count(`/${found.path}`, found.facts.size);
    return true;
  }

  async #captureOne(wanted: Wanted, all: AttributesOfAll): Promise<void> {
    const { writer } = this.#context;
    const { tally } = this;
    const { found, place } = wanted;
    if (found.kind === 'file') {
      const isWhole = all.isWhole(found.source);
      const read: ReadAs = async (entry) => this.#captureFile(entry, wanted, isWhole);
      const entry = withAttributes(found.entry, found, all);
      await (found.facts.names > 1 ? this.#linked.first(entry, read) : read(entry));
      return;
    }
    const entry = withAttributes(found.entry, found, all);
    if (entry.type === 'directory') {
      const path = `/${entry.path}`;
      if (this.#roots.includes(path)) tally.rootFolders.set(path, found.facts);
      await writer.add(entry, place);
      tally.folders++;
    } else if (entry.type === 'hardlink') {
      await this.#captureName(entry, wanted);
    } else {
      await writer.add(entry, place);
      tally.links++;
      await this.#followLink(`/${entry.path}`, found.source);
    }
  }

  /** Another name of a file. */
  async #captureName(name: OtherEntry, wanted: Wanted): Promise<void> {
    const { writer } = this.#context;
    let wasRead = false;
    const entry = await this.#linked.other(name, async (own) => {
      wasRead = true;
      return this.#captureFile({ ...own, ...(await this.attributes.of(sourceOf(wanted))) }, wanted, false);
    });
    if (entry !== undefined) {
      await writer.add(entry, wanted.place);
      this.tally.links++;
    } else if (!wasRead) writer.release(wanted.place);
  }

  async #followLink(path: string, source: string): Promise<void> {
    const lead = await leadOf(source, this.#ground);
    if (lead.where === 'nowhere') this.tally.dangling.push(path);
    const what = lackOf(lead);
    if (what !== undefined) this.#context.writer.leaveOut({ path, what });
  }

  async #captureFiles(files: readonly FileTogether[]): Promise<void> {
    const results = await this.#context.writer.readFiles(files);
    for (const [number, { found }] of files.entries()) {
      const result = results[number];
      if (result instanceof Error) this.#countLost(result, `/${found.path}`);
      else if (result !== undefined) this.#countRead(result, found.path, found.facts);
    }
  }

  #countRead({ changedDuringRead, inode }: DiskResult, path: string, facts: FoundFacts): boolean {
    const isListed = inode === facts.inode;
    if (changedDuringRead || !isListed) this.tally.meanwhile.changed(path);
    this.#count(`/${path}`, facts.size);
    return isListed;
  }

  /** What went is no part of the capture. Throws anything else. */
  #countLost(error: unknown, path: string): void {
    if (!isLifeboatError(error, 'SourceChanged') || this.#roots.includes(path))
      throw unusable(error, path, this.#component);
    this.tally.meanwhile.vanished(path);
  }

  /** False where nothing was read, or another file that had taken the name meanwhile. */
  async #captureFile(entry: FileMeta, wanted: Wanted, hasAllAttributes: boolean): Promise<boolean> {
    const { facts } = wanted.found;
    try {
      const options = { place: wanted.place, facts, hasAllAttributes };
      const result = await this.#context.writer.fromDisk(entry, sourceOf(wanted), options);
      return this.#countRead(result, entry.path, facts);
    } catch (error) {
      this.#countLost(error, `/${entry.path}`);
      return false;
    }
  }

  #count(path: string, bytes: number): void {
    const { tally } = this;
    tally.files++;
    tally.bytes += bytes;
    const root = this.#roots.find((each) => isInside(path, each)) ?? path;
    tally.filesOf.set(root, (tally.filesOf.get(root) ?? 0) + 1);
    this.#context.onProgress({ phase: 'reading files', bytesDone: tally.bytes, bytesTotal: 0 });
  }
}

function sourceOf({ found }: Wanted): Buffer {
  return Buffer.from(found.source, 'latin1');
}

/** Links have none that are carried; a second name has those of the first. */
function withAttributes<Entry extends EntryMeta>(
  entry: Entry,
  { source }: Wanted['found'],
  all: AttributesOfAll,
): Entry {
  const xattrs = all.found.get(source);
  return xattrs === undefined ? entry : { ...entry, xattrs };
}
