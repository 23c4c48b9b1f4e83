/** Compares two snapshots key by key: what was captured, and what a restored engine holds. */
import { readSync } from 'node:fs';
import { KeyTable } from './key-table.ts';
import { functionsDb, RdbReader, type RdbKey, type RdbSummary } from './rdb-reader.ts';

export interface Comparison {
  readonly expectedKeys: number;
  readonly same: number;
  /** Absent, and its time was over when the engine was asked. */
  readonly expired: number;
  readonly missing: number;
  readonly different: number;
  /** Not in the captured snapshot: written since. */
  readonly extra: number;
  /** The first that are wrong. */
  readonly named: readonly { readonly key: string; readonly actual: string }[];
}

const shownKeys = 20;
const chunkBytes = 1 << 20;

export interface SnapshotsToCompare {
  /** File descriptor, as `actual`. */
  readonly expected: number;
  /** Upper bound of the keys in `expected`. */
  readonly expectedKeys: number;
  readonly actual: number;
  /** When `actual` was finished: keys that end before may be gone. */
  readonly actualAt: Date;
}

/** Reads both once; the expected one again only if keys are missing, to name them. RdbError. */
export function compareSnapshots({ expected, expectedKeys, actual, actualAt }: SnapshotsToCompare): Comparison {
  const table = new KeyTable(expectedKeys + 1024);
  const summary = readDump(expected, (key) => table.add(key));
  let same = 0;
  let different = 0;
  let extra = 0;
  const named: { key: string; actual: string }[] = [];
  readDump(actual, (key) => {
    const verdict = table.meet(key);
    if (verdict === 'same') return void same++;
    if (verdict === 'absent') return void extra++;
    different++;
    if (named.length < shownKeys) named.push({ key: describeKey(key), actual: verdict });
  });
  const total = summary.keys + summary.functions;
  let expired = 0;
  let missing = 0;
  if (same + different < total) {
    readDump(expected, (key) => {
      if (table.wasMet(key)) return;
      if (key.expiresAtMs !== undefined && key.expiresAtMs <= actualAt.getTime()) return void expired++;
      missing++;
      if (named.length < shownKeys) named.push({ key: describeKey(key), actual: 'absent' });
    });
  }
  return { expectedKeys: total, same, expired, missing, different, extra, named };
}

/** From its begin, wherever the descriptor stands. RdbError. */
export function readDump(fd: number, onKey?: (key: RdbKey) => void): RdbSummary {
  const reader = new RdbReader(onKey);
  for (let at = 0; ;) {
    const chunk = Buffer.allocUnsafeSlow(chunkBytes);
    const bytesRead = readSync(fd, chunk, 0, chunk.length, at);
    if (bytesRead === 0) return reader.end();
    reader.write(chunk.subarray(0, bytesRead));
    at += bytesRead;
  }
}

/** For people; names of keys stand in results, their values never. */
function describeKey({ db, key }: Pick<RdbKey, 'db' | 'key'>): string {
  if (db === functionsDb) return `function library ${key.toString('utf8')}`;
  const name = key.length > 200 ? `${key.toString('utf8', 0, 200)}…` : key.toString('utf8');
  return db === 0 ? name : `${name} (database ${db})`;
}
