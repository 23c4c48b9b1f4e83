/** What a plan must know of one live path before anything is fetched: disk, room, and what would be refused. */
import { constants } from 'node:fs';
import { access, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isLifeboatError, LifeboatError, type ErrorCode } from '../../domain/errors.ts';
import { refusedHint } from '../../domain/refused-access.ts';
import type { RestoreTarget } from '../driver.ts';
import { deviceOf, freeBytes, nearestExisting } from './disk.ts';
import { treeBytes } from '../tree/tree-threads.ts';
import { fixedPaths } from './immutable.ts';
import { nestedMounts } from './mounts.ts';
import { placeOf, type Place } from './place.ts';

interface TargetProblem {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string;
}

/** Never throws for what stands on disk: it becomes a problem of the target. `needBytes` is what staging will write. */
export async function restoreTargetOf(options: {
  readonly live: string;
  readonly needBytes: number;
  /** What to do about a filesystem that is mounted inside. */
  readonly mountHint?: (mount: string) => string;
}): Promise<RestoreTarget> {
  const { live, needBytes, mountHint } = options;
  const problems: TargetProblem[] = [];
  try {
    const place = await placeOf(live);
    const folder = await nearestExisting(place.folder);
    problems.push(...(await placeProblems(place, mountHint)));
    const free = await freeBytes(folder);
    if (free < needBytes) {
      problems.push({
        code: 'NoSpace',
        message: `staging \`${live}\` needs ${needBytes} bytes, ${free} are free on its filesystem`,
        hint: `free ${needBytes - free} bytes, or use --replace-damaged if the live data is damaged`,
      });
    }
    return {
      path: live,
      device: await deviceOf(folder),
      needBytes,
      freeBytes: free,
      liveBytes: await treeBytes(place.target),
      problems,
    };
  } catch (error) {
    if (!isLifeboatError(error)) throw error;
    problems.push({ code: error.code, message: error.message, hint: error.hint });
    return {
      path: live,
      device: await deviceOf(live),
      needBytes,
      freeBytes: await freeBytes(live),
      liveBytes: 0,
      problems,
    };
  }
}

/** Fails a stage before anything is stopped for it: a live path that could not be exchanged. Errors: that of the target. */
export async function refuseUnfit(live: string, component: string): Promise<void> {
  const [problem] = await placeProblems(await placeOf(live));
  if (problem === undefined) return;
  const { code, message, hint } = problem;
  throw new LifeboatError(code, message, { component, hint });
}

async function placeProblems(place: Place, mountHint?: (mount: string) => string): Promise<TargetProblem[]> {
  const { live } = place;
  const hintOf = mountHint ?? ((mount: string) => `mount what is at \`${mount}\` outside of \`${live}\``);
  const problems: TargetProblem[] = [];
  const folder = await nearestExisting(place.folder);
  for (const needed of new Set([folder, await nearestExisting(place.anchor)])) {
    const refused = await whyNotWritable(needed);
    if (refused === undefined) continue;
    problems.push({
      code: 'PermissionDenied',
      message: `may not write in \`${needed}\``,
      hint: refusedHint(refused, process.getuid?.()),
    });
  }
  for (const mount of await nestedMounts(place.target)) {
    problems.push({
      code: 'Precondition',
      message: `another filesystem is mounted at \`${mount}\`, inside \`${live}\`: it would move away with the old data`,
      hint: hintOf(mount),
    });
  }
  for (const { path, flag } of await fixedPaths(await movedBy(place))) {
    problems.push({
      code: 'Precondition',
      message: `\`${path}\` is ${flag === 'i' ? 'immutable' : 'append-only'} (chattr +${flag}): \`${live}\` could not be exchanged`,
      hint: `run as root: chattr -${flag} '${path}'`,
    });
  }
  return problems;
}

/** What a swap renames, and the folders in which it does. */
async function movedBy({ mode, target, folder, anchor, exists }: Place): Promise<string[]> {
  const children = mode === 'exchange' ? await readdir(target).catch(() => []) : [];
  const paths = [...(exists ? [target] : []), folder, anchor, ...children.map((name) => join(target, name))];
  return [...new Set(paths)];
}

/** The system's word; undefined where it may be written. */
async function whyNotWritable(folder: string): Promise<string | undefined> {
  return access(folder, constants.W_OK | constants.X_OK).then(
    () => undefined,
    ({ code = 'EACCES' }: NodeJS.ErrnoException) => code,
  );
}
