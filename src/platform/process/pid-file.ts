/**
 * The pid file of a service: its pid in the first line, in the second what tells the process from a later one with the
 * same pid. The service's own launcher fills it before it becomes the service, so a killed worker never leaves a
 * service that nobody knows of.
 */
import { open, readFile, rename, rm, link, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { LifeboatError } from '../../domain/errors.ts';
import { waitUntil } from './wait.ts';

export interface ProcessIdentity {
  readonly pid: number;
  readonly started: string;
}

/** A launcher writes its file within milliseconds, on busy cores within seconds; one that is empty for longer was killed before it could. */
const launchMs = 10_000;

/** Who the pid file names; undefined when there is none or its launcher never lived. ServiceFailed when it is not ours to read. */
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
  if (!(await waitUntil(isWritten, await remainingLaunchMs(path), signal)) || text === '') return undefined;
  const [pid, started, ...rest] = text.trimEnd().split('\n');
  if (!/^[1-9]\d*$/.test(pid ?? '') || started === undefined || rest.length > 0) {
    throw new LifeboatError(
      'ServiceFailed',
      `the pid file ${path} of service \`${service}\` was not written by Lifeboat`,
      {
        hint: 'give the service a pid file of its own in lifeboat.yaml, and stop by hand what runs now',
      },
    );
  }
  return { pid: Number(pid), started };
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
  const expected = stale === undefined ? '' : `${stale.pid}\n${stale.started}\n`;
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
