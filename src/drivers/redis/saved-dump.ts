/** A finished snapshot on a disk that this process can read: BGSAVE, waited for, its file opened once. */
import { open, type FileHandle } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { LifeboatError } from '../../domain/errors.ts';
import { info, type Endpoint } from './connection.ts';

/** A fork and a write of the whole dataset: 1 TiB at 100 MB/s is 3 h. */
const saveTimeoutMs = 3 * 3600 * 1000;

export interface SavedDump {
  readonly handle: FileHandle;
  readonly sizeBytes: number;
  /** The snapshot was taken between these. */
  readonly from: Date;
  readonly until: Date;
}

export interface SaveRequest {
  readonly client: Redis;
  readonly endpoint: Endpoint;
  /** Where the server saves to, in the configured folder: a container's own path for it may differ. */
  readonly path: string;
  /** What to do where the dump is not there. */
  readonly hint: string;
  readonly signal: AbortSignal;
}

/** The caller closes the handle. EngineFailed where the server cannot save, EngineUnavailable where it never ends. */
export async function saveAndOpen({ client, endpoint, path, hint, signal }: SaveRequest): Promise<SavedDump> {
  const { from, until } = await saveInBackground(client, endpoint, signal);
  // Opened once: a later save puts another file in its place, this one stays what it is.
  const handle = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    const code = error.code === 'ENOENT' ? 'SourceEmpty' : 'PermissionDenied';
    throw new LifeboatError(code, `Redis saved, but \`${path}\` cannot be opened (${error.code ?? ''})`, {
      component: endpoint.component,
      hint,
      cause: error,
    });
  });
  const stats = await handle.stat();
  // Without it a wrong folder with an old dump in it would be captured day after day. One second for coarse clocks.
  if (stats.mtimeMs < from.getTime() - 1000) {
    await handle.close();
    throw new LifeboatError('EngineFailed', `Redis saved, but \`${path}\` is from ${stats.mtime.toISOString()}`, {
      component: endpoint.component,
      hint,
    });
  }
  return { handle, sizeBytes: stats.size, from, until };
}

async function saveInBackground(
  client: Redis,
  endpoint: Endpoint,
  signal: AbortSignal,
): Promise<{ from: Date; until: Date }> {
  const before = await whenIdle(client, signal);
  const from = new Date();
  // SCHEDULE: while an append-only file is rewritten a plain BGSAVE is refused.
  await client.bgsave('SCHEDULE');
  const until = new Date();
  // After a failed save the status stays bad until the next one ends; Redis itself waits 5 s before it tries again.
  const badUntil = performance.now() + (before['rdb_last_bgsave_status'] === 'ok' ? 0 : 6000);
  let hasBegun = false;
  for (const deadline = performance.now() + saveTimeoutMs; performance.now() < deadline;) {
    const state = await info(client, 'persistence');
    const isSaving = state['rdb_bgsave_in_progress'] !== '0';
    hasBegun ||= isSaving;
    // LASTSAVE has a resolution of one second: two saves within it look like one. The counter (since 7.0) does not.
    if (!isSaving && savesOf(state) > savesOf(before) && state['rdb_last_bgsave_status'] === 'ok')
      return { from, until };
    const isBad = !isSaving && state['rdb_last_bgsave_status'] !== 'ok' && state['aof_rewrite_in_progress'] !== '1';
    if (isBad && (hasBegun || performance.now() > badUntil)) {
      throw new LifeboatError(
        'EngineFailed',
        `Redis could not save: rdb_last_bgsave_status is ${state['rdb_last_bgsave_status'] ?? 'absent'}`,
        {
          component: endpoint.component,
          hint: 'its log says why: a full disk, no right to write `dir`, or no memory to fork',
        },
      );
    }
    await delay(20, undefined, { signal });
  }
  throw new LifeboatError('EngineUnavailable', `Redis did not end its save within ${saveTimeoutMs / 1000} s`, {
    component: endpoint.component,
  });
}

/** Somebody else's save under way began before we asked: it is waited for, not taken. */
async function whenIdle(client: Redis, signal: AbortSignal): Promise<Readonly<Record<string, string>>> {
  for (;;) {
    const state = await info(client, 'persistence');
    if (state['rdb_bgsave_in_progress'] === '0') return state;
    await delay(50, undefined, { signal });
  }
}

function savesOf(state: Readonly<Record<string, string>>): number {
  return Number(state['rdb_saves'] ?? state['rdb_last_save_time'] ?? 0);
}
