/** What tells that something came, went or changed below the configured paths: names and times, no contents. */
import type { FileEntry } from '../../domain/entry.ts';
import { isLifeboatError } from '../../domain/errors.ts';
import type { ComponentRecord } from '../../domain/recovery-point.ts';
import { parseJson } from '../../json/parse-json.ts';
import type { Repository } from '../../repository/repository.ts';
import { hasContentOf } from '../folder/has-content-of.ts';
import { fingerprintOfTree } from '../tree/tree-threads.ts';
import { factsPath, type FilesFacts } from './facts.ts';
import { isReserved, pathBytes } from './paths.ts';
import type { WalkOptions } from './walk.ts';

/** Undefined where a configured path is gone, or was exchanged while it was looked at. */
export async function fingerprintOf(options: WalkOptions): Promise<string | undefined> {
  try {
    return await fingerprintOfTree(options);
  } catch (error) {
    if (isLifeboatError(error, 'SourceEmpty', 'SourceChanged')) return undefined;
    throw error;
  }
}

/** Configuration is small. What is larger is read by the next backup all the same. */
const maxCompared = 1 << 20;

/**
 * Whether what lies there is what the record captured. Names and times tell, but for files that were not settled at the capture
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
    if (entry.type !== 'file' || entry.source !== undefined || entry.size > maxCompared) continue;
    if (!isReserved(entry.path) && !isSame(entry)) return false;
  }
  return true;
}

/** Small enough not to hold up anything. */
function isSame(entry: FileEntry): boolean {
  try {
    return hasContentOf(Buffer.concat([Buffer.from('/'), pathBytes(entry)]), entry);
  } catch {
    return false;
  }
}
