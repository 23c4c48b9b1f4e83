/** Compares entries of an index with what stands on disk. Synchronous, for a thread. */
import type { IndexEntry } from '../../domain/entry.ts';
import { parseJson } from '../../json/parse-json.ts';
import { readOwnersSync } from '../files/owners.ts';
import { describeActual, describeExpected } from './describe-entry.ts';

export interface CompareJob {
  /** JSON of a list of `EntryOnDisk`: a text is cheaper to hand over than its objects. */
  readonly entries: string;
  /** Whether modification times are compared. */
  readonly times: boolean;
}

export interface EntryOnDisk {
  readonly entry: IndexEntry;
  /** Where it stands, and where the first name of a hard link does; absolute paths in latin1. */
  readonly path: string;
  readonly first?: string | undefined;
}

/** What differs, by the number of the entry in its list. */
export type Compared = readonly { readonly number: number; readonly expected: string; readonly actual: string }[];

export function compareEntries({ entries, times }: CompareJob): Compared {
  const options = { owners: readOwnersSync(), times };
  const list = parseJson(entries) as readonly EntryOnDisk[];
  return list.flatMap(({ entry, path, first = path }, number) => {
    const expected = describeExpected(entry, options);
    const actual = describeActual(Buffer.from(path, 'latin1'), entry, options, Buffer.from(first, 'latin1'));
    return actual === expected ? [] : [{ number, expected, actual }];
  });
}
