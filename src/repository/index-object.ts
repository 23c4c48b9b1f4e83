/**
 * An index: the sealed list of a component's entries. Several frames of JSON lines, so that neither writer nor reader
 * holds all of it; the last frame has the pack table. The first line of each frame says which frame of which index it
 * is: frames cannot be exchanged, reordered or cut off unnoticed.
 */
import { randomBytes } from 'node:crypto';
import type { IndexEntry } from '../domain/entry.ts';
import { LifeboatError } from '../domain/errors.ts';
import { parseJson } from '../json/parse-json.ts';
import { toJson } from '../json/to-json.ts';
import type { StagedObject, Storage } from '../storage/storage.ts';
import { frameKinds, headerBytes, parseHeader } from './frame.ts';
import type { Opener, Sealer } from './frame.ts';
import { layout, repositoryFormat } from './layout.ts';
import { linesOf } from './lines.ts';
import { parseEntry } from './parse-entry.ts';
import { decodeTrailer, encodeTrailer, trailerBytes } from './trailer.ts';

/** Text of one frame before it is sealed, about. */
const frameTextBytes = 1024 * 1024;
const readWindowBytes = 4 * 1024 * 1024;

export interface PackRecord {
  /** Name and SHA-256 of the stored bytes. */
  readonly id: string;
  readonly size: number;
}

/** The head line of the last frame. */
export interface IndexFooter {
  readonly component: string;
  readonly packs: readonly PackRecord[];
  readonly entries: number;
  readonly files: number;
  readonly bytes: number;
  readonly blocks: number;
}

export class IndexWriter {
  readonly id = randomBytes(16).toString('hex');
  readonly #storage: Storage;
  readonly #sealer: Sealer;
  readonly #component: string;
  #staged: StagedObject | undefined;
  #lines: string[] = [];
  #textBytes = 0;
  #frame = 0;
  #pending: Promise<void> = Promise.resolve();
  #failure: unknown;
  #entries = 0;
  #files = 0;
  #bytes = 0;
  #blocks = 0;

  constructor(storage: Storage, sealer: Sealer, component: string) {
    this.#storage = storage;
    this.#sealer = sealer;
    this.#component = component;
  }

  get totals(): Pick<IndexFooter, 'entries' | 'files' | 'bytes' | 'blocks'> {
    return { entries: this.#entries, files: this.#files, bytes: this.#bytes, blocks: this.#blocks };
  }

  /** Entries of concurrent callers become lines in the order of the calls. */
  async add(entry: IndexEntry): Promise<void> {
    const line = toJson(entry);
    this.#lines.push(line);
    this.#textBytes += line.length;
    this.#entries += 1;
    if (entry.type === 'file' && 'blocks' in entry) {
      this.#files += 1;
      this.#bytes += entry.size;
      this.#blocks += entry.blocks.length;
    }
    if (this.#textBytes >= frameTextBytes) await this.#flush({});
  }

  /** The staged object with its trailer, to be committed. */
  async finish(packs: readonly PackRecord[]): Promise<StagedObject> {
    await this.#flush({});
    await this.#flush({ last: true, component: this.#component, packs, ...this.totals });
    if (this.#staged === undefined) throw new LifeboatError('Internal', `index ${this.id} was not staged`);
    return this.#staged;
  }

  async discard(): Promise<void> {
    await this.#pending;
    await this.#staged?.discard();
  }

  async #flush(head: Partial<IndexFooter> & { readonly last?: true }): Promise<void> {
    const lines = this.#lines;
    if (lines.length === 0 && head.last === undefined) return this.#settled();
    this.#lines = [];
    this.#textBytes = 0;
    const plain = Buffer.from(
      `${[JSON.stringify({ index: this.id, format: repositoryFormat, frame: this.#frame, ...head }), ...lines].join('\n')}\n`,
    );
    this.#frame += 1;
    const frame = this.#sealer.frame(frameKinds.index, plain);
    // One after the other, also when several callers fill frames at once; a failure stays and is thrown to each.
    this.#pending = this.#pending.then(async () => {
      if (this.#failure !== undefined) return;
      try {
        this.#staged ??= await this.#storage.stage(layout.index(this.id));
        await this.#staged.append(
          head.last === undefined ? frame : Buffer.concat([frame, encodeTrailer(frame.length, 'LBI1')]),
        );
      } catch (error) {
        this.#failure = error;
      }
    });
    return this.#settled();
  }

  async #settled(): Promise<void> {
    await this.#pending;
    if (this.#failure !== undefined) throw this.#failure;
  }
}

/** Streams the entries, each frame authenticated, and returns the footer at the end. ObjectMissing, ObjectCorrupt, ManifestInvalid. */
export async function* readIndexObject(
  storage: Storage,
  indexId: string,
  opener: Opener,
  signal?: AbortSignal,
): AsyncGenerator<IndexEntry, IndexFooter> {
  let entries = 0;
  for await (const { lines, footer } of readFrames(storage, indexId, opener, signal)) {
    for (const line of lines) yield parseEntry(line, indexId);
    entries += lines.length;
    if (footer === undefined) continue;
    if (footer.entries !== entries)
      throw corrupt(layout.index(indexId), `holds ${entries} entries where it counts ${footer.entries}`);
    return footer;
  }
  throw corrupt(layout.index(indexId), 'has no last frame');
}

/** The footer alone, by two small reads. */
export async function readIndexFooter(storage: Storage, indexId: string, opener: Opener): Promise<IndexFooter> {
  const key = indexKey(indexId);
  const info = await storage.stat(key);
  if (info === undefined) throw new LifeboatError('ObjectMissing', `object ${key} is gone`);
  const trailer = await storage.read(key, {
    offset: Math.max(info.size - trailerBytes, 0),
    length: Math.min(trailerBytes, info.size),
  });
  const length = decodeTrailer(trailer, 'LBI1', key, info.size);
  const frame = await storage.read(key, { offset: info.size - trailerBytes - length, length });
  const { footer } = parseFrame(openFrame(frame, key, opener), indexId);
  if (footer === undefined) throw corrupt(key, 'has no last frame');
  return footer;
}

interface ParsedFrame {
  readonly number: number;
  readonly lines: readonly string[];
  readonly footer?: IndexFooter;
}

async function* readFrames(
  storage: Storage,
  indexId: string,
  opener: Opener,
  signal?: AbortSignal,
): AsyncGenerator<ParsedFrame, void> {
  const key = indexKey(indexId);
  const info = await storage.stat(key);
  if (info === undefined) throw new LifeboatError('ObjectMissing', `object ${key} is gone`);
  const { size } = info;
  let at = 0;
  let window: Uint8Array = new Uint8Array(0);
  let windowAt = 0;
  const bytesAt = async (length: number): Promise<Uint8Array> => {
    if (at + length > size) throw corrupt(key, 'is cut off');
    if (at + length > windowAt + window.length) {
      windowAt = at;
      window = await storage.read(key, { offset: at, length: Math.min(Math.max(length, readWindowBytes), size - at) });
    }
    return window.subarray(at - windowAt, at - windowAt + length);
  };
  for (let number = 0; ; number += 1) {
    signal?.throwIfAborted();
    const { length } = headerOf(await bytesAt(headerBytes), key);
    const frame = parseFrame(openFrame(await bytesAt(length), key, opener), indexId);
    if (frame.number !== number) throw corrupt(key, `has frame ${frame.number} where ${number} belongs`);
    at += length;
    if (frame.footer !== undefined) {
      if (decodeTrailer(await bytesAt(trailerBytes), 'LBI1', key, size) !== length || at + trailerBytes !== size)
        throw corrupt(key, 'goes on after its end');
      yield frame;
      return;
    }
    yield frame;
  }
}

function parseFrame(plain: Buffer, indexId: string): ParsedFrame {
  const [first = '', ...lines] = linesOf(plain, layout.index(indexId));
  const head = parseJson(first) as { index: string; format: number; frame: number; last?: boolean } & IndexFooter;
  if (head.index !== indexId) throw corrupt(layout.index(indexId), `holds a frame of index ${head.index}`);
  if (head.format > repositoryFormat)
    throw new LifeboatError(
      'FormatTooNew',
      `index ${indexId} has format ${head.format}, this version reads up to ${repositoryFormat}`,
    );
  if (head.last !== true) return { number: head.frame, lines };
  const { component, packs, entries, files, bytes, blocks } = head;
  return { number: head.frame, lines, footer: { component, packs, entries, files, bytes, blocks } };
}

function openFrame(frame: Uint8Array, key: string, opener: Opener): Buffer {
  try {
    return opener.open(frame, frameKinds.index);
  } catch (error) {
    throw corrupt(key, error instanceof Error ? error.message : String(error));
  }
}

function headerOf(bytes: Uint8Array, key: string): { readonly length: number } {
  try {
    return parseHeader(bytes);
  } catch (error) {
    throw corrupt(key, error instanceof Error ? error.message : String(error));
  }
}

/** An index id comes from manifests and receipts: it must not name another object. */
function indexKey(indexId: string): string {
  if (!/^[0-9a-f]{32}$/.test(indexId))
    throw new LifeboatError('ManifestInvalid', `index id ${JSON.stringify(indexId)} is malformed`);
  return layout.index(indexId);
}

function corrupt(key: string, reason: string): LifeboatError {
  return new LifeboatError('ObjectCorrupt', `object ${key} ${reason}`);
}
