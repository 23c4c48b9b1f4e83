/**
 * The lines of an index in the order in which their places were taken, cut into parts. Where a part ends is decided by the
 * names of its entries, so that a change moves the bounds of its own part only: the others are found in the previous index.
 */
import { randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { reservedFolder, type BlockRef, type IndexEntry } from '../../domain/entry.ts';
import { LifeboatError } from '../../domain/errors.ts';
import { lineOf } from '../../entries/entry-line.ts';
import type { Index } from '../index-object.ts';
import type { IndexHead, PackTable } from '../index-head.ts';

/** One entry in so many ends a part, by its name. */
const entriesInPart = 1024;

/** A part of fewer bytes goes on, one of more ends: it is read as a whole. */
const minPartBytes = 64 * 1024;
const maxPartBytes = 1024 * 1024;

/** Up to here lines stand in the index itself: an object of its own would be more than they are. */
const inlineBytes = 32 * 1024;

/** Parts on their way to the packs, beyond which callers wait. */
const partsAtOnce = 4;

/** Lines that wait for an earlier one, for example of a file that is read for hours, beyond which callers wait. */
const maxEarly = 65_536;

/** Where an entry will stand. */
export type Place = number;

interface Line {
  readonly text: string;
  readonly path: string;
}

export class IndexBuilder {
  readonly id = randomBytes(16).toString('hex');
  readonly #storePart: (text: Buffer) => Promise<readonly BlockRef[]>;
  readonly #totals = { entries: 0, files: 0, bytes: 0, blocks: 0 };
  #places = 0;
  #written = 0;
  /** Lines whose turn has not come; undefined for a place that was given up. */
  readonly #early = new Map<Place, Line | undefined>();
  readonly #waiting: (() => void)[] = [];
  #open: string[] = [];
  #openBytes = 0;
  readonly #parts: Promise<readonly BlockRef[]>[] = [];
  readonly #storing = new Set<Promise<unknown>>();
  /** Entries of the reserved folder: they are read alone, and always changed. */
  readonly #reserved: string[] = [];

  constructor(storePart: (text: Buffer) => Promise<readonly BlockRef[]>) {
    this.#storePart = storePart;
  }

  /** The next place. Each must be put to or given up. */
  take(): Place {
    this.#places += 1;
    return this.#places - 1;
  }

  /** `text` is the line, where it is known. */
  put(place: Place, entry: IndexEntry): void {
    if (entry.type === 'file' && 'blocks' in entry)
      this.putLine(place, { path: entry.path, size: entry.size, blocks: entry.blocks.length }, lineOf(entry));
    else this.#put(place, { text: lineOf(entry), path: entry.path });
  }

  /** The line of a file. */
  putLine(
    place: Place,
    { path, size, blocks }: { readonly path: string; readonly size: number; readonly blocks: number },
    text: string,
  ): void {
    this.#totals.files += 1;
    this.#totals.bytes += size;
    this.#totals.blocks += blocks;
    this.#put(place, { text, path });
  }

  /** Resolves when few enough parts are on their way, and few enough lines wait for one before them. */
  async room(): Promise<void> {
    while (this.#storing.size > partsAtOnce) await Promise.race(this.#storing);
    while (this.#early.size > maxEarly) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  giveUp(place: Place): void {
    this.#early.set(place, undefined);
    this.#write();
  }

  /** Cuts what is left, and waits for all parts. Their errors are thrown here. */
  async finish(): Promise<(component: string, packs: PackTable) => Index> {
    if (this.#written !== this.#places)
      throw new LifeboatError('Internal', `entry ${this.#written} of index ${this.id} was never given`);
    const isSmall = this.#parts.length === 0 || this.#openBytes < inlineBytes / 4;
    const inline = isSmall && this.#openBytes <= inlineBytes ? this.#open : [];
    if (inline.length === 0) this.#cut();
    const parts = await Promise.all(this.#parts);
    const lines = [...parts.map((refs) => JSON.stringify(refs)), ...inline, ...this.#reserved];
    return (component, packs) => ({
      id: this.id,
      head: { component, packs, ...this.#totals } satisfies IndexHead,
      lines,
    });
  }

  #put(place: Place, line: Line): void {
    this.#totals.entries += 1;
    this.#early.set(place, line);
    this.#write();
  }

  #write(): void {
    const before = this.#written;
    while (this.#early.has(this.#written)) {
      const line = this.#early.get(this.#written);
      this.#early.delete(this.#written);
      this.#written += 1;
      if (line !== undefined) this.#append(line);
    }
    if (this.#written > before) for (const wake of this.#waiting.splice(0)) wake();
  }

  #append({ text, path }: Line): void {
    if (path.startsWith(`${reservedFolder}/`)) {
      this.#reserved.push(text);
      return;
    }
    this.#open.push(text);
    this.#openBytes += text.length + 1;
    if (this.#openBytes < minPartBytes) return;
    if (this.#openBytes >= maxPartBytes || crc32(path) % entriesInPart === 0) this.#cut();
  }

  #cut(): void {
    if (this.#open.length === 0) return;
    const part = this.#storePart(Buffer.from(`${this.#open.join('\n')}\n`));
    this.#open = [];
    this.#openBytes = 0;
    this.#parts.push(part);
    const settled = part.catch(() => undefined);
    this.#storing.add(settled);
    void settled.then(() => this.#storing.delete(settled));
  }
}
