/**
 * The pid file of a service: its pid in the first line, in the second what tells the process from a later one with the
 * same pid. The service's own launcher fills it before it becomes the service, so a killed worker never leaves a
 * service that nobody knows of.
 */
import { open, readFile, rename, rm, link, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { LifeboatError } from '../../domain/errors.ts';
import { isHidden, isThere, ownIdentity } from '../../programs/process-identity.ts';
import { waitUntil } from './wait.ts';

export interface ProcessIdentity {
  readonly pid: number;
  /** Empty where another launcher wrote the file: no process began then. */
  readonly started: string;
  /** What stands in the file, where it is not these two lines. */
  readonly text?: string;
}

/** A launcher writes its file within milliseconds, on busy cores within seconds; one that is empty for longer was killed before it could. */
const launchMs = 10_000;

/**
 * Who the pid file names; undefined when there is none or its launcher never lived. Precondition where somebody else wrote
 * it and the process lives, or nobody knows which it is; of a process that is gone the file is as stale as ours would be.
 * Also where what has the pid cannot be looked at.
 */
export async function readPidFile(
  path: string,
  service: string,
  signal: AbortSignal,
): Promise<ProcessIdentity | undefined> {
  let text = '';
  const isWritten = async () => {
    const content = await readFile(path, 'utf8').catch(absent);
    text = content ?? '';
    return content === undefined || text.endsWith('\n');
  };
  await waitUntil(isWritten, await remainingLaunchMs(path), signal);
  return text === '' ? undefined : identityIn(text, path, service);
}

/** The same refusal beforehand, without a wait for a launcher. */
export async function refuseForeignPidFile(path: string, service: string): Promise<void> {
  const text = (await readFile(path, 'utf8').catch(absent)) ?? '';
  const isBeingWritten = !text.endsWith('\n') && (await remainingLaunchMs(path)) > 0;
  if (text !== '' && !isBeingWritten) identityIn(text, path, service);
}

function identityIn(text: string, path: string, service: string): ProcessIdentity {
  const [first = '', started, ...rest] = text.trimEnd().split('\n');
  const pid = /^[1-9]\d{0,9}$/.test(first.trim()) ? Number(first) : undefined;
  if (pid !== undefined && started !== undefined && rest.length === 0) {
    // Since another boot the pid may have gone to anybody.
    if (started.startsWith(ownIdentity().bootId) && isHidden(pid)) throw hidden(pid, path, service);
    return { pid, started };
  }
  if (pid !== undefined && !isThere(pid)) return { pid, started: '', text };
  throw new LifeboatError(
    'Precondition',
    `the pid file ${path} of service \`${service}\` was not written by Lifeboat${pid === undefined ? '' : `, and its process ${pid} runs`}`,
    {
      hint:
        pid === undefined
          ? 'if the service does not run, remove the file; else stop it by hand first'
          : `stop the service by hand, then remove the file; if process ${pid} is another program, remove it at once`,
    },
  );
}

/** Whether it is the service nobody knows, and it must not count as ended. */
function hidden(pid: number, path: string, service: string): LifeboatError {
  return new LifeboatError('Precondition', `process ${pid} of service \`${service}\` (${path}) cannot be looked at`, {
    hint: `/proc shows no processes of other users (\`hidepid\`, ProtectProc=): run the worker as root or as the user of the service; if process ${pid} is another program, remove the pid file`,
  });
}

/** Makes the empty pid file that a launcher will fill; undefined when another start was first. */
export async function createPidFile(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'wx', 0o644);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return undefined;
    throw error;
  }
}

/**
 * Takes the pid file of a dead process away. Another start may have replaced it since it was read: the file is moved
 * aside first, looked at again, and put back when it is not the one that was meant.
 */
export async function removeStalePidFile(path: string, stale: ProcessIdentity | undefined): Promise<void> {
  const aside = `${path}.stale-${randomUUID()}`;
  try {
    await rename(path, aside);
  } catch (error) {
    return absent(error);
  }
  const expected = stale === undefined ? '' : (stale.text ?? `${stale.pid}\n${stale.started}\n`);
  const found = await readFile(aside, 'utf8');
  if (found !== expected) await link(aside, path).catch(() => {});
  await rm(aside);
}

async function remainingLaunchMs(path: string): Promise<number> {
  const file = await stat(path).catch(absent);
  return file === undefined ? 0 : Math.max(0, launchMs - (Date.now() - file.mtimeMs));
}

function absent(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
}
