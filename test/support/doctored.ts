/**
 * A stored component that another capture would have left: the entries of a good one, written again through the
 * repository with some of them left out or with other bytes. All objects authenticate; only the content is wrong.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { FileEntry, IndexEntry } from '../../src/domain/entry.ts';
import type { ComponentRecord, ProbeResult } from '../../src/domain/recovery-point.ts';
import type { Driver } from '../../src/drivers/driver.ts';
import type { ComponentWriter, Repository } from '../../src/repository/repository.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** Other bytes, or `absent`. Paths that are not named stay as they are; a path that is new is added. */
export type Changes = Readonly<Record<string, ((content: Buffer) => Buffer) | 'absent'>>;

export async function doctored(
  repository: Repository,
  record: ComponentRecord,
  changes: Changes,
): Promise<ComponentRecord> {
  const folder = await temporaryFolder('doctored');
  const { id: componentId, indexId: previousIndexId } = record;
  const backupId = await repository.reserve(new Date(), folder.path);
  const writer = await repository.writeComponent({ backupId, componentId, blockSize: 256 * 1024, previousIndexId });
  try {
    // The drivers' own facts too.
    await repository.materialize({ indexId: record.indexId, into: folder.path, place: ({ path }) => path });
    const entries = new Map<string, IndexEntry>();
    for await (const entry of repository.readIndex(record.indexId)) entries.set(entry.path, entry);
    for (const [path, change] of Object.entries(changes)) {
      if (change === 'absent') {
        if (!entries.delete(path)) throw new Error(`${path} is not in the recovery point`);
        continue;
      }
      const disk = join(folder.path, path);
      await mkdir(dirname(disk), { recursive: true });
      await writeFile(disk, change(await readFile(disk).catch(() => Buffer.alloc(0))));
      entries.set(path, entries.get(path) ?? newFile(path));
    }
    await Promise.all([...entries.values()].map(async (entry) => write(writer, entry, folder.path)));
    const { indexId, files, bytes, storedBytes } = await writer.finish();
    return { ...record, indexId, files, bytes, storedBytes };
  } catch (error) {
    await writer.abandon();
    throw error;
  } finally {
    await folder.remove();
  }
}

async function write(writer: ComponentWriter, entry: IndexEntry, folder: string): Promise<void> {
  if (entry.type !== 'file') return writer.add(entry);
  const { path, type, mode, mtimeNs, uid, gid } = entry;
  await writer.fromDisk({ path, type, mode, mtimeNs, uid, gid }, join(folder, path));
}

function newFile(path: string): FileEntry {
  return { path, type: 'file', mode: 0o600, mtimeNs: '0', uid: 0, gid: 0, size: 0, sha256: '', blocks: [] };
}

export async function pathsOf(
  repository: Repository,
  { indexId }: Pick<ComponentRecord, 'indexId'>,
  wanted: (entry: IndexEntry) => boolean,
): Promise<string[]> {
  const paths: string[] = [];
  for await (const entry of repository.readIndex(indexId)) if (wanted(entry)) paths.push(entry.path);
  return paths.toSorted();
}

/** The inspection's results. */
export async function inspected(
  driver: Driver,
  repository: Repository,
  record: ComponentRecord,
): Promise<readonly ProbeResult[]> {
  return driver.inspect(repository, record, new AbortController().signal);
}

/** Those that do not hold, as `component: name: actual`. */
export async function faults(driver: Driver, repository: Repository, record: ComponentRecord): Promise<string[]> {
  const results = await inspected(driver, repository, record);
  return results.filter(({ ok }) => !ok).map(({ component, name, actual }) => `${component}: ${name}: ${actual}`);
}
