/**
 * Copies stored objects from one storage to another, several at once, and looks at what was written there: by its digest
 * where the place reckons it, else by reading it back. What has the name there already is compared as well.
 */
import { createHash } from 'node:crypto';
import { LifeboatError, isLifeboatError } from '../../domain/errors.ts';
import type { FilesPut, Storage } from '../../storage/storage.ts';
import { inLanes } from '../../domain/in-lanes.ts';
import { largeAtOnce, smallAtOnce } from '../at-once.ts';
import { layout } from '../layout.ts';
import { replaceDamaged } from '../replace-damaged.ts';

/** Some are read and looked at while others are on their way. */
const batchesAtOnce = 3;
/** Some 200 MiB: what is done again when the connection breaks. */
const filesInBatch = 12;

/** What would be copied does not authenticate where it lies: it must not be spread. */
export type Authenticate = (key: string, bytes: Uint8Array) => void;

export interface Copied {
  readonly key: string;
  readonly bytes: number;
}

export interface CopyOptions {
  readonly source: Storage;
  readonly target: Storage;
  readonly keys: readonly string[];
  readonly authenticate: Authenticate;
  readonly onCopied: (copied: Copied) => void;
  readonly signal: AbortSignal | undefined;
}

/** What could not be copied because it is damaged or gone in the source. */
export interface NotCopied {
  readonly key: string;
  readonly error: LifeboatError;
}

/** Anything but damage in the source is thrown. */
export async function copyObjects(options: CopyOptions): Promise<NotCopied[]> {
  const batches = batchesOf(options);
  const inBatches = new Set(batches.flat());
  const others = options.keys.filter((key) => !inBatches.has(key));
  const damaged = await inLanes(batchesAtOnce, batches, async (batch) => copyFiles(options, batch));
  const [small, large] = [others.filter(isSmall), others.filter((key) => !isSmall(key))];
  for (const [count, keys] of [
    [largeAtOnce, large],
    [smallAtOnce, small],
  ] as const)
    damaged.push(...(await inLanes(count, keys, async (key) => copyObject(options, key))));
  return damaged.flat();
}

/** Packs that may go as files. A single one goes as its bytes: starting a program would take longer. */
function batchesOf({ source, target, keys }: CopyOptions): string[][] {
  if (source.fileOf === undefined || target.putFiles === undefined) return [];
  const packs = keys.filter(isPack);
  const batches = Array.from({ length: Math.ceil(packs.length / filesInBatch) }, (_, number) =>
    packs.slice(number * filesInBatch, (number + 1) * filesInBatch),
  );
  return batches.filter(({ length }) => length > 1);
}

async function copyObject(options: CopyOptions, key: string): Promise<NotCopied[]> {
  const { target, onCopied } = options;
  const bytes = await authentic(options, key);
  if (bytes instanceof LifeboatError) return [{ key, error: bytes }];
  const isNew = (await target.putIfAbsent(key, bytes)) === 'created';
  // A write whose answer was lost is found as one that stood before.
  if (!isNew && (await isWholeThere(options, key, bytes))) return [];
  const isOurs = isNew || (await replaceDamaged(target, key, bytes, (theirs) => !isWhole(options, key, bytes, theirs)));
  if (!isOurs && (await isWholeThere(options, key, bytes))) return [];
  await readBack(target, key, async () => bytes);
  onCopied({ key, bytes: bytes.length });
  return [];
}

async function isWholeThere(options: CopyOptions, key: string, ours: Uint8Array): Promise<boolean> {
  const { target } = options;
  if ((await target.sha256?.(key)) === sha256Of(ours)) return true;
  try {
    return isWhole(options, key, ours, await target.read(key));
  } catch (error) {
    if (isLifeboatError(error, 'ObjectMissing')) return false;
    throw error;
  }
}

/** Ours, or another that is as good: what was stored again in the meantime is sealed anew. */
function isWhole({ authenticate }: CopyOptions, key: string, ours: Uint8Array, theirs: Uint8Array): boolean {
  if (Buffer.from(theirs).equals(ours)) return true;
  try {
    authenticate(key, theirs);
    return true;
  } catch (error) {
    if (isLifeboatError(error, 'ObjectCorrupt')) return false;
    throw error;
  }
}

/** By another program. What was not what its name says when it had arrived is looked at here. */
async function copyFiles(options: CopyOptions, keys: readonly string[]): Promise<NotCopied[]> {
  const { source, target, onCopied, signal } = options;
  const files = keys.map((key) => ({
    key,
    file: source.fileOf?.(key) ?? '',
    sha256: nameOf(key),
    isWhole: async () => !((await authentic(options, key)) instanceof LifeboatError),
  }));
  const { created, left, isReadBack } = (await target.putFiles?.(files, signal)) ?? { ...nothingPut, left: keys };
  await inLanes(largeAtOnce, created, async (key) => {
    if (!isReadBack) await readBack(target, key, async () => source.read(key));
    onCopied({ key, bytes: (await source.stat(key))?.size ?? 0 });
  });
  const damaged: NotCopied[] = [];
  for (const key of left) damaged.push(...(await copyObject(options, key)));
  return damaged;
}

const nothingPut = { created: [], isReadBack: false } satisfies Partial<FilesPut>;

/** Its bytes, or what is wrong with them. */
async function authentic(
  { source, authenticate, signal }: CopyOptions,
  key: string,
): Promise<Uint8Array | LifeboatError> {
  signal?.throwIfAborted();
  try {
    const bytes = await source.read(key);
    authenticate(key, bytes);
    return bytes;
  } catch (error) {
    if (isLifeboatError(error, 'ObjectMissing', 'ObjectCorrupt')) return error;
    throw error;
  }
}

/** What was just made there and is not what was sent goes again: the next replication would believe it. */
async function readBack(target: Storage, key: string, sent: () => Promise<Uint8Array>): Promise<void> {
  if (await isSame(target, key, sent)) return;
  await target.remove(key);
  throw new LifeboatError('ObjectCorrupt', `${target.description} gave back other bytes of ${key} than it was given`, {
    hint: 'its disk or the way to it is broken; nothing that was copied there now can be relied on',
  });
}

async function isSame(target: Storage, key: string, ours: () => Promise<Uint8Array>): Promise<boolean> {
  const digest = await target.sha256?.(key);
  if (digest === undefined) return isThere(target, key, await ours());
  // What a pack is named after was compared with its bytes before.
  return digest === (isPack(key) ? nameOf(key) : sha256Of(await ours()));
}

async function isThere(target: Storage, key: string, sent: Uint8Array): Promise<boolean> {
  const stored = Buffer.allocUnsafe(sent.length);
  try {
    await target.readInto(key, 0, stored);
  } catch (error) {
    // Shorter than it was sent.
    if (isLifeboatError(error, 'ObjectCorrupt')) return false;
    throw error;
  }
  return stored.equals(sent);
}

const isPack = (key: string): boolean => key.startsWith(layout.packs);
const isSmall = (key: string): boolean =>
  ![layout.packs, layout.indexes, layout.allWal].some((folder) => key.startsWith(folder));
const nameOf = (key: string): string => key.slice(key.lastIndexOf('/') + 1);

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** A pack's name is the digest of its bytes. */
export function authenticatePack(key: string, bytes: Uint8Array): void {
  if (sha256Of(bytes) !== nameOf(key))
    throw new LifeboatError('ObjectCorrupt', `object ${key} does not have the SHA-256 that names it`);
}
