/** What tells that something came, went or changed below the configured paths: names and times, no contents. */
import { createHash, type Hash } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import type { FileEntry } from '../../domain/entry.ts';
import { isLifeboatError } from '../../domain/errors.ts';
import type { ComponentRecord } from '../../domain/recovery-point.ts';
import { parseJson } from '../../json/parse-json.ts';
import type { Repository } from '../../repository/repository.ts';
import { sha256Of } from '../folder/describe-entry.ts';
import { factsPath, type FilesFacts } from './facts.ts';
import { isReserved, pathBytes } from './paths.ts';
import { walk, type Found, type WalkOptions } from './walk.ts';

/** Undefined where a configured path is gone, or was exchanged while it was looked at. */
export async function fingerprintOf(options: WalkOptions): Promise<string | undefined> {
  const hash = createHash('sha256');
  try {
    for await (const found of walk(options)) addIdentity(found, hash);
  } catch (error) {
    if (isLifeboatError(error, 'SourceEmpty', 'SourceChanged')) return undefined;
    throw error;
  }
  return hash.digest('hex');
}

/** Adds what passes to the hash. */
export async function* identified(entries: AsyncIterable<Found>, hash: Hash): AsyncGenerator<Found> {
  for await (const found of entries) {
    addIdentity(found, hash);
    yield found;
  }
}

/** Configuration is small. What is larger is read by the next backup all the same. */
const mostCompared = 1 << 20;

/**
 * Is what lies there what the record captured? Names and times tell, but for files that were not settled at the capture
 * (src/domain/written-back.ts): their contents are compared. Points of older versions do not say, and count as changed.
 */
export async function isAsCaptured(
  options: WalkOptions,
  repository: Repository,
  record: ComponentRecord,
): Promise<boolean> {
  const sealed = await repository.readFile(record.indexId, factsPath);
  if (sealed === undefined) return false;
  const { fingerprint } = parseJson(Buffer.from(sealed).toString('utf8')) as FilesFacts;
  if (fingerprint === undefined || fingerprint !== (await fingerprintOf(options))) return false;
  for await (const entry of repository.readIndex(record.indexId)) {
    if (entry.type !== 'file' || entry.source?.writtenBack === true || entry.size > mostCompared) continue;
    if (!isReserved(entry.path) && !(await isSame(entry))) return false;
  }
  return true;
}

async function isSame(entry: FileEntry): Promise<boolean> {
  const found = await sha256Of(Buffer.concat([Buffer.from('/'), pathBytes(entry)])).catch(() => undefined);
  return found === entry.sha256;
}

function addIdentity(found: Found, hash: Hash): void {
  if (found.kind === 'skipped' || found.kind === 'vanished') return;
  hash.update(`${found.entry.pathBase64 ?? found.entry.path}\0${identityOf(found.stats)}\n`);
}

function identityOf({ size, mtimeNs, ctimeNs, ino }: BigIntStats): string {
  return `${size}:${mtimeNs}:${ctimeNs}:${ino}`;
}
