/** A file that a walk found, as it travels from its thread: what is not asked for is never made of it. */
import type { EntryMeta } from '../../domain/entry.ts';
import { headOf, pathOfLine } from '../../entries/entry-line.ts';
import { parseJson } from '../../json/parse-json.ts';
import type { SourceFacts } from '../../repository/threads/jobs.ts';

type FileMeta = EntryMeta & { readonly type: 'file' };

export class FoundFile {
  readonly kind = 'file';
  /** The begin of its line in an index, as if it were settled and all its attributes were there. */
  readonly head: string;
  /** Where it was found, in latin1. */
  readonly source: string;
  readonly facts: FoundFacts;

  constructor(head: string, source: string, facts: FoundFacts) {
    this.head = head;
    this.source = source;
    this.facts = facts;
  }

  /** For people, and to tell paths apart that are not ASCII only where their bytes do not matter. */
  get path(): string {
    return pathOfLine(this.head) ?? this.entry.path;
  }

  get entry(): FileMeta {
    const { size, source: _, ...meta } = parseJson(this.head) as FileMeta & { readonly size: number };
    return this.facts.allocatedBytes < size ? { ...meta, sparse: true } : meta;
  }
}

export function foundFile(meta: FileMeta, source: string, facts: FoundFacts): FoundFile {
  const { size, ctimeNs, inode } = facts;
  return new FoundFile(headOf({ ...meta, size, source: { ctimeNs, inode, attributes: true } }), source, facts);
}

/** One line; a tab stands in none of its parts. */
export function encodeFoundFile({ head, source, facts }: FoundFile): string {
  const { device, inode, names, size, allocatedBytes, mtimeNs, ctimeNs } = facts;
  const place = `/${pathOfLine(head) ?? ''}` === source ? '' : JSON.stringify(source);
  return `${head}\t${device}\t${inode}\t${names}\t${size}\t${allocatedBytes}\t${mtimeNs}\t${ctimeNs}\t${place}`;
}

/** Undefined for a line of something else. */
export function decodeFoundFile(line: string): FoundFile | undefined {
  const end = line.indexOf('\t');
  if (end < 0) return undefined;
  const head = line.slice(0, end);
  const [device = '', inode = '', names, size, allocatedBytes, mtimeNs = '', ctimeNs = '', place = ''] = line
    .slice(end + 1)
    .split('\t');
  return new FoundFile(head, place === '' ? `/${pathOfLine(head) ?? ''}` : (parseJson(place) as string), {
    device,
    inode,
    names: Number(names),
    size: Number(size),
    allocatedBytes: Number(allocatedBytes),
    mtimeNs,
    ctimeNs,
  });
}

/** How an entry was found. */
export interface FoundFacts extends SourceFacts {
  /** How many names the file has. */
  readonly names: number;
}
