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

/** A captured snapshot that was read, with its keys and the digests of their values. */
export class ExpectedSnapshot {
  readonly summary: RdbSummary;
  readonly #fd: number;
  readonly #table: KeyTable;

  /** `keys` are expected in the file, which stays open; more are counted, not held. RdbError. */
  constructor(fd: number, keys: number) {
    const table = new KeyTable(keys);
    let room = keys;
    this.summary = readDump(fd, (key) => {
      if (room > 0) table.add(key);
      room--;
    });
    this.#fd = fd;
    this.#table = table;
  }

  /**
   * Once, and only if it holds as many keys as expected. `actualAt` is when `actual` was finished: keys that end before may be gone. Reads `actual`, and the expected one
   * again only if keys are missing, to name them. RdbError.
   */
  compare(actual: number, actualAt: Date): Comparison {
    let same = 0;
    let different = 0;
    let extra = 0;
    const named: { key: string; actual: string }[] = [];
    readDump(actual, (key) => {
      const verdict = this.#table.meet(key);
      if (verdict === 'same') return void same++;
      if (verdict === 'absent') return void extra++;
      different++;
      if (named.length < shownKeys) named.push({ key: describeKey(key), actual: verdict });
    });
    const expectedKeys = this.summary.keys + this.summary.functions;
    let expired = 0;
    let missing = 0;
    if (same + different < expectedKeys) {
      readDump(this.#fd, (key) => {
        if (this.#table.wasMet(key)) return;
        if (key.expiresAtMs !== undefined && key.expiresAtMs <= actualAt.getTime()) return void expired++;
        missing++;
        if (named.length < shownKeys) named.push({ key: describeKey(key), actual: 'absent' });
      });
    }
    return { expectedKeys, same, expired, missing, different, extra, named };
  }
}

/** From its begin, wherever the descriptor stands. RdbError. */
function readDump(fd: number, onKey: (key: RdbKey) => void): RdbSummary {
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
