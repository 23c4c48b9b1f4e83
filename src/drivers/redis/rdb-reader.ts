/**
 * Reads a Redis dump as it streams by: checks its checksum and structure, and gives each key with a digest of its value
 * that does not depend on how the value is laid out (a set of another process has another order, a list other nodes).
 * Holds one element of one key at a time; a long string is hashed as it comes.
 */
import { createHash, hash } from 'node:crypto';
import { Crc64 } from './crc64.ts';
import { expandLzf } from './lzf.ts';
import { op, RdbError, type Steps } from './rdb-steps.ts';
import { readModuleFields, readValue, type ValueSource } from './rdb-values.ts';
import { lengthCode, stringEntryAt } from './string-entry.ts';

export interface RdbKey {
  readonly db: number;
  /** Valid during the call only where the chunk is reused; copy it to keep it. */
  readonly key: Buffer;
  /** Milliseconds since the epoch. */
  readonly expiresAtMs: number | undefined;
  /** SHA-256 of the value, of a string with its key; a character for each byte. */
  readonly digest: string;
}

export interface RdbSummary {
  readonly rdbVersion: number;
  /** `redis-ver`, `ctime`, `used-mem` and others as the server wrote them. */
  readonly aux: Readonly<Record<string, string>>;
  readonly keys: number;
  readonly expiring: number;
  readonly functions: number;
  readonly bytes: number;
  /** False where the server writes no checksums (`rdbchecksum no`). */
  readonly hasChecksum: boolean;
}

/** The pseudo database under which function libraries are given. */
export const functionsDb = -1;

/** Strings up to this size are held whole, bytes. */
const heldString = 1 << 20;

export class RdbReader implements ValueSource {
  readonly #onKey: ((key: RdbKey) => void) | undefined;
  readonly #crc = new Crc64();
  readonly #steps: Steps<void>;
  readonly #aux: Record<string, string> = {};
  #window: Buffer = Buffer.alloc(0);
  #at = 0;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #needed = 0;
  #isDone = false;
  #bytes = 0;
  #rdbVersion = 0;
  #keys = 0;
  #expiring = 0;
  #functions = 0;
  #hasChecksum = false;

  /** Without `onKey` only checksum, structure and counts: faster. */
  constructor(onKey?: (key: RdbKey) => void) {
    this.#onKey = onKey;
    this.#steps = this.#read();
  }

  get wantsValues(): boolean {
    return this.#onKey !== undefined;
  }

  /** Takes the next bytes, which must not be changed afterwards. RdbError. */
  write(chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#isDone) {
      if (chunk.length > 0) throw new RdbError('corrupt', `${chunk.length} bytes follow the end of the dump`);
      return;
    }
    this.#waiting.push(chunk);
    this.#waitingBytes += chunk.length;
    if (this.#window.length - this.#at + this.#waitingBytes < this.#needed) return;
    this.#crc.update(this.#window, 0, this.#at);
    const rest = this.#window.subarray(this.#at);
    this.#window = rest.length === 0 && this.#waiting.length === 1 ? chunk : Buffer.concat([rest, ...this.#waiting]);
    this.#at = 0;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#advance();
  }

  /** RdbError unless the dump is complete. */
  end(): RdbSummary {
    if (!this.#isDone) throw new RdbError('corrupt', `the dump ends after ${this.#bytes} bytes, in the middle`);
    return {
      rdbVersion: this.#rdbVersion,
      aux: this.#aux,
      keys: this.#keys,
      expiring: this.#expiring,
      functions: this.#functions,
      bytes: this.#bytes,
      hasChecksum: this.#hasChecksum,
    };
  }

  #advance(): void {
    try {
      const step = this.#steps.next();
      if (step.done !== true) this.#needed = step.value;
    } catch (error) {
      if (error instanceof RangeError)
        throw new RdbError('corrupt', `the dump is damaged near byte ${this.#bytes}: ${error.message}`);
      throw error;
    }
  }

  *#read(): Steps<void> {
    yield* this.need(9);
    const head = this.#window.toString('latin1', 0, 9);
    if (!/^REDIS\d{4}$/.test(head))
      throw new RdbError('corrupt', 'this is not a Redis dump: it does not begin with REDIS and a version');
    this.#rdbVersion = Number(head.slice(5));
    this.#at = 9;
    let db = 0;
    let expiresAtMs: number | undefined;
    for (;;) {
      if (expiresAtMs === undefined) this.#stringEntries(db);
      const code = yield* this.byte();
      if (code === op.end) break;
      if (code === op.expireMs) expiresAtMs = Number((yield* this.take(8)).readBigInt64LE());
      else if (code === op.expire) expiresAtMs = (yield* this.take(4)).readUInt32LE() * 1000;
      else if (code === op.select) db = Number(yield* this.length());
      else if (code === op.idle) yield* this.length();
      else if (code === op.frequency) yield* this.byte();
      else if (code === op.resize || code === op.slotInfo)
        for (let count = code === op.resize ? 2 : 3; count > 0; count--) yield* this.length();
      else if (code === op.aux)
        this.#aux[(yield* this.string(true)).toString('utf8')] = (yield* this.string(true)).toString('utf8');
      else if (code === op.function2) yield* this.#function();
      else if (code === op.moduleAux) yield* this.#moduleAux();
      else {
        const key = yield* this.string(true);
        const digest = yield* readValue(code, key, this);
        this.#found({ db, key, expiresAtMs, digest });
        expiresAtMs = undefined;
      }
    }
    yield* this.#checksum();
    this.#isDone = true;
    if (this.#at < this.#window.length)
      throw new RdbError('corrupt', `${this.#window.length - this.#at} bytes follow the end of the dump`);
  }

  #stringEntries(db: number): void {
    for (;;) {
      const entry = stringEntryAt(this.#window, this.#at, this.wantsValues);
      if (entry === undefined) return;
      this.#at = entry.end;
      this.#found({ db, key: entry.key, expiresAtMs: entry.expiresAtMs, digest: entry.digest });
    }
  }

  #found(key: RdbKey): void {
    this.#keys++;
    if (key.expiresAtMs !== undefined) this.#expiring++;
    this.#onKey?.(key);
  }

  *#checksum(): Steps<void> {
    // Dumps before version 5 end without one.
    if (this.#rdbVersion < 5) return;
    this.#crc.update(this.#window, 0, this.#at);
    const computed = this.#crc.digest();
    this.#window = this.#window.subarray(this.#at);
    this.#at = 0;
    yield* this.need(8);
    const stored = this.#window.readBigUInt64LE(0).toString(16).padStart(16, '0');
    this.#at = 8;
    this.#hasChecksum = stored !== '0'.repeat(16);
    if (this.#hasChecksum && stored !== computed)
      throw new RdbError('corrupt', `the dump has checksum ${stored}, its bytes give ${computed}`);
  }

  *#function(): Steps<void> {
    const code = yield* this.string(true);
    this.#functions++;
    const name = code.subarray(0, Math.max(0, code.indexOf('\n')));
    this.#onKey?.({ db: functionsDb, key: name, expiresAtMs: undefined, digest: sha256(code) });
  }

  *#moduleAux(): Steps<void> {
    yield* this.length();
    yield* this.length();
    yield* this.length();
    yield* readModuleFields(this, () => {});
  }

  *need(count: number): Steps<void> {
    while (this.#window.length - this.#at < count) yield count;
  }

  *byte(): Steps<number> {
    if (this.#at >= this.#window.length) yield* this.need(1);
    return this.#window[this.#at++]!;
  }

  *take(count: number): Steps<Buffer> {
    if (this.#window.length - this.#at < count) yield* this.need(count);
    const bytes = this.#window.subarray(this.#at, this.#at + count);
    this.#at += count;
    return bytes;
  }

  *length(): Steps<bigint | number> {
    const first = yield* this.byte();
    const kind = first >> 6;
    if (kind === 3) throw new RangeError('an encoded value where a length must stand');
    return yield* this.#plainLength(first, kind);
  }

  *#plainLength(first: number, kind: number): Steps<bigint | number> {
    if (kind === 0) return first & 0x3f;
    if (kind === 1) return ((first & 0x3f) << 8) | (yield* this.byte());
    if (first === 0x80) return (yield* this.take(4)).readUInt32BE();
    if (first !== 0x81) throw new RangeError(`length code ${first}`);
    const long = (yield* this.take(8)).readBigUInt64BE();
    return long <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(long) : long;
  }

  *string(decode: boolean): Steps<Buffer> {
    const first = yield* this.byte();
    const kind = first >> 6;
    if (kind !== 3) {
      const size = Number(yield* this.#plainLength(first, kind));
      if (decode) return yield* this.take(size);
      yield* this.#pass(size);
      return empty;
    }
    const encoding = first & 0x3f;
    if (encoding === 3) return yield* this.#compressed(decode);
    const width = [1, 2, 4][encoding];
    if (width === undefined) throw new RangeError(`string encoding ${encoding}`);
    const bytes = yield* this.take(width);
    return decode ? Buffer.from(String(bytes.readIntLE(0, width))) : empty;
  }

  *stringDigest(head: Buffer): Steps<string> {
    const first = yield* this.byte();
    const kind = first >> 6;
    const size = kind === 3 ? 0 : Number(yield* this.#plainLength(first, kind));
    if (kind === 3 || size <= heldString) {
      if (kind === 3) this.#at--;
      const bytes = kind === 3 ? yield* this.string(this.wantsValues) : yield* this.take(size);
      return this.wantsValues ? sha256(Buffer.concat([head, lengthCode(bytes.length), bytes])) : '';
    }
    const sum = this.wantsValues ? createHash('sha256').update(head).update(lengthCode(size)) : undefined;
    yield* this.#pass(size, (bytes) => sum?.update(bytes));
    return sum?.digest('binary') ?? '';
  }

  *#compressed(decode: boolean): Steps<Buffer> {
    const packed = Number(yield* this.length());
    const size = Number(yield* this.length());
    if (decode) return expandLzf(yield* this.take(packed), size);
    yield* this.#pass(packed);
    return empty;
  }

  /** Goes over bytes without holding them together. */
  *#pass(count: number, see?: (bytes: Buffer) => void): Steps<void> {
    for (let left = count; left > 0;) {
      if (this.#at >= this.#window.length) yield* this.need(1);
      const bytes = Math.min(left, this.#window.length - this.#at);
      see?.(this.#window.subarray(this.#at, this.#at + bytes));
      this.#at += bytes;
      left -= bytes;
    }
  }
}

const empty = Buffer.alloc(0);

function sha256(bytes: Uint8Array): string {
  return hash('sha256', bytes, 'binary');
}
