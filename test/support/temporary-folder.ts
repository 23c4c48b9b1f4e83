import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface TemporaryFolder {
  readonly path: string;
  remove(): Promise<void>;
}

/** A folder of its own, short enough for sockets, and gone with `remove()`. */
export async function temporaryFolder(prefix = 'test', parent = tmpdir()): Promise<TemporaryFolder> {
  const path = await realpath(await mkdtemp(join(parent, `lifeboat-${prefix}-`)));
  const remove = () => rm(path, { recursive: true, force: true, maxRetries: 5 });
  return { path, remove };
}

/** The run's folder in memory, where set-up found room for one, for tests that write thousands of small files; else the usual one. */
export function memoryFolder(): string {
  return process.env['LIFEBOAT_MEMORY'] || tmpdir();
}
