/** The values of a dump, by their type codes, each folded into one digest. */
import { createHash, hash } from 'node:crypto';
import { intsetElements, listpackElements } from './packed.ts';
import { RdbError, type Steps } from './rdb-steps.ts';
import { stringHead } from './string-entry.ts';

/** What a value is read from. */
export interface ValueSource {
  /** False: only the way past the values is wanted, and all digests are empty. */
  readonly wantsValues: boolean;
  byte(): Steps<number>;
  take(count: number): Steps<Buffer>;
  length(): Steps<bigint | number>;
  /** Decoded: whole numbers as text, compressed strings expanded. Empty unless `decode`. */
  string(decode: boolean): Steps<Buffer>;
  /** SHA-256 of head, length and string; long strings are never held. */
  stringDigest(head: Buffer): Steps<string>;
}

/** Folds elements into one digest, in order or regardless of it. */
interface Fold {
  add(...parts: readonly Buffer[]): void;
  digest(): string;
}

/** Reads one value and gives its digest, a character for each byte. RdbError `unknown` for a type that this version does not know. */
export function* readValue(type: number, key: Buffer, source: ValueSource): Steps<string> {
  switch (type) {
    case 0:
      return yield* source.stringDigest(stringHead(key));
    case 1:
      return yield* counted(source, ordered('list'), 1);
    case 2:
      return yield* counted(source, unordered('set'), 1);
    case 3:
    case 5:
      return yield* sortedSet(source, type === 5);
    case 4:
      return yield* counted(source, unordered('hash'), 2);
    case 7:
      return yield* moduleValue(source);
    // Forms that Redis 7 only reads: it never writes them, so equal bytes are asked for.
    case 9:
    case 10:
    case 12:
    case 13:
      return yield* source.stringDigest(Buffer.from(`opaque ${type}`));
    case 14:
      return yield* counted(source, ordered('opaque list'), 1);
    case 11:
      return yield* packed(source, unordered('set'), intsetElements, 1);
    case 16:
      return yield* packed(source, unordered('hash'), listpackElements, 2);
    case 17:
      return yield* packed(source, unordered('zset'), scoredElements, 2);
    case 18:
      return yield* quicklist(source);
    case 20:
      return yield* packed(source, unordered('set'), listpackElements, 1);
    case 15:
    case 19:
    case 21:
      return yield* stream(source, type);
    case 24:
      return yield* hashWithTimes(source);
    case 25:
      return yield* packedHashWithTimes(source);
    default:
      throw new RdbError('unknown', `value type ${type} is not known to this version`);
  }
}

function* counted(source: ValueSource, fold: Fold, width: 1 | 2): Steps<string> {
  for (let count = Number(yield* source.length()); count > 0; count--) {
    const first = yield* source.string(source.wantsValues);
    if (width === 1) {
      if (source.wantsValues) fold.add(first);
      continue;
    }
    const second = yield* source.string(source.wantsValues);
    if (source.wantsValues) fold.add(first, second);
  }
  return finish(source, fold);
}

function* sortedSet(source: ValueSource, binary: boolean): Steps<string> {
  const fold = unordered('zset');
  for (let count = Number(yield* source.length()); count > 0; count--) {
    const member = yield* source.string(source.wantsValues);
    const score = binary ? (yield* source.take(8)).readDoubleLE() : yield* textScore(source);
    if (source.wantsValues) fold.add(member, doubleBytes(score));
  }
  return finish(source, fold);
}

function* textScore(source: ValueSource): Steps<number> {
  const size = yield* source.byte();
  if (size === 253) return Number.NaN;
  if (size === 254) return Infinity;
  if (size === 255) return -Infinity;
  return Number((yield* source.take(size)).toString('binary'));
}

function* packed(
  source: ValueSource,
  fold: Fold,
  elements: (bytes: Buffer) => Iterable<Buffer>,
  width: 1 | 2,
): Steps<string> {
  const bytes = yield* source.string(source.wantsValues);
  if (source.wantsValues) addGroups(fold, elements(bytes), width);
  return finish(source, fold);
}

/** One element as it is; or a listpack of several. */
const plainNode = 1;
const packedNode = 2;

function* quicklist(source: ValueSource): Steps<string> {
  const fold = ordered('list');
  for (let count = Number(yield* source.length()); count > 0; count--) {
    const container = Number(yield* source.length());
    const bytes = yield* source.string(source.wantsValues);
    if (!source.wantsValues) continue;
    if (container === plainNode) fold.add(bytes);
    else if (container !== packedNode) throw new RangeError(`a node of a list is of the unknown kind ${container}`);
    else for (const element of listpackElements(bytes)) fold.add(element);
  }
  return finish(source, fold);
}

function* hashWithTimes(source: ValueSource): Steps<string> {
  const earliest = (yield* source.take(8)).readBigInt64LE();
  const fold = unordered('hash');
  for (let count = Number(yield* source.length()); count > 0; count--) {
    const relative = BigInt(yield* source.length());
    const field = yield* source.string(source.wantsValues);
    const value = yield* source.string(source.wantsValues);
    if (source.wantsValues) addTimed(fold, field, value, relative === 0n ? '0' : String(earliest + relative - 1n));
  }
  return finish(source, fold);
}

function* packedHashWithTimes(source: ValueSource): Steps<string> {
  yield* source.take(8);
  const bytes = yield* source.string(source.wantsValues);
  const fold = unordered('hash');
  if (source.wantsValues) {
    const elements = [...listpackElements(bytes)];
    for (let at = 0; at + 2 < elements.length; at += 3)
      addTimed(fold, elements[at]!, elements[at + 1]!, elements[at + 2]!.toString());
  }
  return finish(source, fold);
}

/** A field without a time of its own counts as in a plain hash: an engine may write it either way. */
function addTimed(fold: Fold, field: Buffer, value: Buffer, expiresAtMs: string): void {
  if (expiresAtMs === '0') fold.add(field, value);
  else fold.add(field, value, Buffer.from(expiresAtMs));
}

/** Stream nodes keep their bytes over save and load, so they are taken as they are, in order. */
function* stream(source: ValueSource, type: 15 | 19 | 21): Steps<string> {
  const fold = ordered('stream');
  const decode = source.wantsValues;
  const add = (bytes: Buffer | bigint | number): void => {
    if (decode) fold.add(typeof bytes === 'object' ? bytes : Buffer.from(String(bytes)));
  };
  for (let nodes = Number(yield* source.length()); nodes > 0; nodes--) {
    add(yield* source.string(decode));
    add(yield* source.string(decode));
  }
  // Length and last id; since type 19 also first id, highest deleted id and count of all entries ever added.
  for (let count = type === 15 ? 3 : 8; count > 0; count--) add(yield* source.length());
  for (let groups = Number(yield* source.length()); groups > 0; groups--) {
    add(yield* source.string(decode));
    for (let count = type === 15 ? 2 : 3; count > 0; count--) add(yield* source.length());
    for (let pending = Number(yield* source.length()); pending > 0; pending--) {
      add(yield* source.take(24));
      add(yield* source.length());
    }
    for (let consumers = Number(yield* source.length()); consumers > 0; consumers--) {
      add(yield* source.string(decode));
      add(yield* source.take(type === 21 ? 16 : 8));
      for (let pending = Number(yield* source.length()); pending > 0; pending--) add(yield* source.take(16));
    }
  }
  return finish(source, fold);
}

function* moduleValue(source: ValueSource): Steps<string> {
  const fold = ordered('module');
  const id = yield* source.length();
  fold.add(Buffer.from(String(id)));
  yield* readModuleFields(source, (bytes) => fold.add(bytes));
  return finish(source, fold);
}

/** Modules write a sequence of typed fields that can be passed over without the module. */
export function* readModuleFields(source: ValueSource, see: (bytes: Buffer) => void): Steps<void> {
  for (;;) {
    const code = Number(yield* source.length());
    if (code === 0) return;
    if (code === 1 || code === 2) see(Buffer.from(String(yield* source.length())));
    else if (code === 3 || code === 4) see(yield* source.take(code === 3 ? 4 : 8));
    else if (code === 5) see(yield* source.string(source.wantsValues));
    else throw new RangeError(`module field ${code}`);
  }
}

function* scoredElements(bytes: Buffer): Generator<Buffer> {
  let isScore = false;
  for (const element of listpackElements(bytes)) {
    yield isScore ? doubleBytes(scoreOf(element.toString('binary'))) : element;
    isScore = !isScore;
  }
}

function scoreOf(text: string): number {
  if (text === 'inf') return Infinity;
  return text === '-inf' ? -Infinity : Number(text);
}

function doubleBytes(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(8);
  // 0 and -0 are equal for Redis, and either may come back.
  bytes.writeDoubleLE(value === 0 ? 0 : value);
  return bytes;
}

function addGroups(fold: Fold, elements: Iterable<Buffer>, width: 1 | 2): void {
  let first: Buffer | undefined;
  for (const element of elements) {
    if (width === 1) {
      fold.add(element);
    } else if (first === undefined) {
      first = element;
    } else {
      fold.add(first, element);
      first = undefined;
    }
  }
}

function finish(source: ValueSource, fold: Fold): string {
  return source.wantsValues ? fold.digest() : '';
}

function ordered(tag: string): Fold {
  const sum = createHash('sha256').update(tag);
  return { add: (...parts) => sum.update(framed(parts)), digest: () => sum.digest('binary') };
}

/** Elements are unique within a set, hash or sorted set, so none cancels another. */
function unordered(tag: string): Fold {
  const folded = Buffer.alloc(32);
  let count = 0;
  return {
    add(...parts) {
      const one = hash('sha256', framed(parts), 'binary');
      for (let at = 0; at < 32; at++) folded[at]! ^= one.charCodeAt(at);
      count++;
    },
    digest: () => createHash('sha256').update(`${tag} ${count} `).update(folded).digest('binary'),
  };
}

/** Each part with its length in front, so that no two lists of parts give the same bytes. */
function framed(parts: readonly Buffer[]): Buffer {
  return Buffer.concat(parts.flatMap((part) => [Buffer.from(`${part.length}:`), part]));
}
