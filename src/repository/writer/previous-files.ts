/**
 * The files of the previous index, looked up in the order in which a walk meets them: the index is read once, beside the
 * walk, and only some of it is held. Who asks in another order finds nothing, and reads the file.
 */
import { reservedFolder, type BlockRef, type FileEntry } from '../../domain/entry.ts';
import { isLifeboatError } from '../../domain/errors.ts';
import { compareInWalk } from '../../domain/path-order.ts';
import { pathOfLine, tailAfter, type FileTail } from '../../entries/entry-line.ts';
import { entryKey } from '../entry-path.ts';
import { readLines, type Index, type PartSource } from '../index-object.ts';
import { parseEntry, parseTail } from '../parse-entry.ts';
import type { PackTable } from '../index-head.ts';

/** A line of the previous index. */
export class PreviousFile {
  readonly line: string;
  readonly #indexId: string;
  readonly #packs: PackTable;
  readonly #onDamage: (error: unknown) => void;

  constructor(
    line: string,
    {
      indexId,
      packs,
      onDamage,
    }: { readonly indexId: string; readonly packs: PackTable; readonly onDamage: (error: unknown) => void },
  ) {
    this.line = line;
    this.#indexId = indexId;
    this.#packs = packs;
    this.#onDamage = onDamage;
  }

  /** Undefined where it is none of a file, or its blocks are not there any more. */
  get entry(): FileEntry | undefined {
    const entry = this.#parsed(() => parseEntry(this.line, this.#indexId));
    if (entry?.type !== 'file' || entry.changedDuringRead === true) return undefined;
    return this.#areThere(entry.blocks) ? entry : undefined;
  }

  /** What stands behind this head; undefined where the line begins otherwise, or its blocks are not there any more. */
  tail(head: string, size: number): FileTail | undefined {
    const text = tailAfter(this.line, head);
    const tail = text === undefined ? undefined : this.#parsed(() => parseTail(text, size, this.#indexId));
    return tail !== undefined && tail.changedDuringRead !== true && this.#areThere(tail.blocks) ? tail : undefined;
  }

  /** A malformed line is told, and its file is read again. */
  #parsed<T>(parse: () => T): T | undefined {
    try {
      return parse();
    } catch (error) {
      this.#onDamage(error);
      return undefined;
    }
  }

  #areThere(blocks: readonly BlockRef[]): boolean {
    return blocks.every(([pack]) => this.#packs.has(pack));
  }
}

interface Sources extends PartSource {
  readonly warn: (message: string) => void;
}

export class PreviousFiles {
  readonly #index: Index | undefined;
  readonly #packs: PackTable;
  readonly #sources: Sources;
  #source: AsyncIterator<readonly string[]> | undefined;
  #lines: readonly string[] = [];
  #next = 0;
  #current: string | undefined;
  #key = '';
  #isAtEnd: boolean;
  #reading: Promise<void> | undefined;

  /** `packs` are those that may be named again. */
  constructor(index: Index | undefined, packs: PackTable, sources: Sources) {
    this.#index = index;
    this.#packs = packs;
    this.#sources = sources;
    this.#isAtEnd = index === undefined;
  }

  /** By `entryKey`. A promise only where more of the index must be read. */
  find(key: string): PreviousFile | undefined | Promise<PreviousFile | undefined> {
    if (this.#reading !== undefined) return this.#reading.then(() => this.find(key));
    for (;;) {
      if (this.#current !== undefined) {
        const order = this.#key === key ? 0 : compareInWalk(this.#key, key);
        if (order === 0) return this.#found(this.#current);
        if (order > 0) return undefined;
      }
      if (this.#next === this.#lines.length) {
        if (this.#isAtEnd) return undefined;
        this.#reading = this.#read();
        return this.#reading.then(() => this.find(key));
      }
      this.#advance();
    }
  }

  #found(line: string): PreviousFile {
    const onDamage = (error: unknown): void => warnOfDamage(this.#sources, error);
    return new PreviousFile(line, { indexId: this.#index?.id ?? '', packs: this.#packs, onDamage });
  }

  #advance(): void {
    const line = this.#lines[this.#next] ?? '';
    this.#next += 1;
    const key = pathOfLine(line) ?? this.#keyOf(line);
    if (key === undefined || key.startsWith(`${reservedFolder}/`)) return;
    this.#current = line;
    this.#key = key;
  }

  #keyOf(line: string): string | undefined {
    try {
      return entryKey(parseEntry(line, this.#index?.id ?? ''));
    } catch (error) {
      this.#giveUp(error);
      return undefined;
    }
  }

  /** What follows is not found. Throws what is no damage. */
  #giveUp(error: unknown): void {
    warnOfDamage(this.#sources, error);
    this.#isAtEnd = true;
    this.#lines = [];
    this.#next = 0;
  }

  async #read(): Promise<void> {
    try {
      this.#source ??= this.#index === undefined ? undefined : readLines(this.#index, this.#sources);
      const next = await this.#source?.next();
      this.#isAtEnd = next === undefined || next.done === true;
      this.#lines = next === undefined || next.done === true ? [] : next.value;
    } catch (error) {
      this.#giveUp(error);
    } finally {
      this.#next = 0;
      this.#reading = undefined;
    }
  }
}

/** Throws what is no damage. */
export function warnOfDamage({ warn }: { readonly warn: (message: string) => void }, error: unknown): void {
  if (!isLifeboatError(error, 'ObjectMissing', 'ObjectCorrupt', 'ManifestInvalid')) throw error;
  warn(`the previous index cannot be used, everything is read and stored again: ${error.message}`);
}
