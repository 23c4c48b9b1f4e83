/** Copies stored objects from one storage to another, several at once, and looks at what was written there: by its digest where the place reckons it, else by reading it back. */
import { createHash } from 'node:crypto';
import { LifeboatError, isLifeboatError } from '../../domain/errors.ts';
import type { Storage } from '../../storage/storage.ts';

/** On their way at once: a pack is 17 MiB at most, and each is held twice while it is read back. */
export const transfers = 4;

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

/** Gives what could not be copied because it is damaged or gone in the source; anything else is thrown. */
export async function copyObjects(options: CopyOptions): Promise<LifeboatError[]> {
  const waiting = [...options.keys];
  const damaged: LifeboatError[] = [];
  const next = async (): Promise<void> => {
    for (let key = waiting.shift(); key !== undefined; key = waiting.shift()) {
      options.signal?.throwIfAborted();
      const problem = await copyObject(options, key);
      if (problem !== undefined) damaged.push(problem);
    }
  };
  const lanes = await Promise.allSettled(Array.from({ length: transfers }, next));
  const failed = lanes.find((lane) => lane.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return damaged;
}

async function copyObject(options: CopyOptions, key: string): Promise<LifeboatError | undefined> {
  const { source, target, authenticate, onCopied } = options;
  let bytes: Uint8Array;
  try {
    bytes = await source.read(key);
    authenticate(key, bytes);
  } catch (error) {
    if (isLifeboatError(error, 'ObjectMissing') || isLifeboatError(error, 'ObjectCorrupt')) return error;
    throw error;
  }
  if ((await target.putIfAbsent(key, bytes)) === 'exists') return undefined;
  await readBack(target, key, bytes);
  onCopied({ key, bytes: bytes.length });
  return undefined;
}

async function readBack(target: Storage, key: string, written: Uint8Array): Promise<void> {
  const digest = await target.sha256?.(key);
  // What a pack is named after was compared with its bytes before.
  const expected = (): string => (isPack(key) ? nameOf(key) : sha256Of(written));
  if (digest !== undefined ? digest === expected() : await isThere(target, key, written)) return;
  throw new LifeboatError('ObjectCorrupt', `${target.description} gave back other bytes of ${key} than it was given`, {
    hint: 'its disk or the way to it is broken; nothing that was copied there now can be relied on',
  });
}

async function isThere(target: Storage, key: string, written: Uint8Array): Promise<boolean> {
  const stored = Buffer.allocUnsafe(written.length);
  await target.readInto(key, 0, stored);
  return stored.equals(written);
}

const isPack = (key: string): boolean => key.startsWith('packs/');
const nameOf = (key: string): string => key.slice(key.lastIndexOf('/') + 1);

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** A pack's name is the digest of its bytes. */
export function authenticatePack(key: string, bytes: Uint8Array): void {
  if (sha256Of(bytes) !== nameOf(key))
    throw new LifeboatError('ObjectCorrupt', `object ${key} does not have the SHA-256 that names it`);
}
