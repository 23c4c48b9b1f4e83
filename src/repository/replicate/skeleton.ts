/** What makes a folder a repository: keys, the way out without Lifeboat, and the identity, which comes last. */
import type { Storage } from '../../storage/storage.ts';
import { layout } from '../layout.ts';

/**
 * Copies it where it is absent. Killed half way there is no repository, and it may run again. Keys that were added
 * later are copied to a repository that stands as well.
 */
export async function copySkeleton(source: Storage, target: Storage): Promise<void> {
  for await (const { key } of source.list(layout.keys)) await copyIfAbsent(source, target, key);
  for (const key of [layout.restoreScript, layout.restoreGuide]) {
    if ((await source.stat(key)) !== undefined) await copyIfAbsent(source, target, key);
  }
  await copyIfAbsent(source, target, layout.repository);
}

async function copyIfAbsent(source: Storage, target: Storage, key: string): Promise<void> {
  if ((await target.stat(key)) === undefined) await target.putIfAbsent(key, await source.read(key));
}
