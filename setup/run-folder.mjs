/**
 * One folder per run: the temporary files of everything that it starts, and the mark by which its processes are known. It
 * goes with the run; what a killed run left, processes and files, is ended by the next one.
 */
import {
  accessSync,
  chownSync,
  constants,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { endProcesses, namesOf, startOf } from './processes.mjs';

/** Not TMPDIR, which may be long: sockets of engines lie below, and their paths end at 108 bytes. */
const parent = '/tmp';
const prefix = 'lb-';
/** A file system in memory, where there is room for four tests at once: a fifth of what engines cost is their disk. */
const memoryParent = '/dev/shm';
const memoryBytes = 2e9;
const ownerFile = 'owner.json';
/** Further folders of the run, one a line, which outlive it, as the state of a demo does (src/dev/run-place.ts writes it). */
const placesFile = 'places';

/** Makes the folder and marks everything that this process starts from now on with it. */
export function openRunFolder() {
  const folder = mkdtempSync(join(parent, prefix));
  writeOwner(folder);
  writeFileSync(join(folder, placesFile), '');
  // A run within a run (a test of set-up itself) keeps the mark of the outer one.
  process.env.LIFEBOAT_RUN = [process.env.LIFEBOAT_RUN, folder].filter(Boolean).join(':');
  return folder;
}

/** The run user owns what lies in it. Further places of the run lie below `state`. */
export function giveRunFolder(folder, state, user) {
  writeOwner(folder, state);
  if (!user.switchTo) return;
  for (const path of [join(folder, placesFile), folder]) chownSync(path, user.uid, user.gid);
}

/** A second folder of the run, in memory; undefined where this machine has no room there. */
export function openMemoryFolder(folder, user) {
  const memory = memoryOf(folder);
  try {
    accessSync(memoryParent, constants.W_OK);
    const { bavail, bsize } = statfsSync(memoryParent);
    if (bavail * bsize < memoryBytes) return undefined;
    mkdirSync(memory, { mode: 0o700 });
  } catch {
    return undefined;
  }
  if (user.switchTo) chownSync(memory, user.uid, user.gid);
  return memory;
}

function memoryOf(folder) {
  return join(memoryParent, basename(folder));
}

function writeOwner(folder, state) {
  writeFileSync(join(folder, ownerFile), JSON.stringify({ pid: process.pid, start: startOf(process.pid), state }));
}

/** Ends every process of the run and removes its folder. Gives the processes that still ran. */
export async function closeRunFolder(folder) {
  const ended = await endProcesses(placesOf(folder));
  for (const path of [folder, memoryOf(folder)]) rmSync(path, { recursive: true, force: true, maxRetries: 5 });
  return ended;
}

/** Does the same for runs whose own process is gone: it was killed, or the machine was. Says what it found. */
export async function endLeftovers(say) {
  for (const name of readdirSync(parent).filter((each) => each.startsWith(prefix))) {
    const folder = join(parent, name);
    if (!isLeftover(folder)) continue;
    const ended = await closeRunFolder(folder);
    if (ended.length > 0)
      say(`an earlier run was killed and left ${ended.length} processes, which are ended now: ${namesOf(ended)}`);
  }
}

function isLeftover(folder) {
  try {
    const found = lstatSync(folder);
    // Everybody may write there: a folder of another user is that user's business, root's own run is ended by root.
    if (!found.isDirectory() || (process.getuid() !== 0 && found.uid !== process.getuid())) return false;
    const { pid, start } = JSON.parse(readFileSync(join(folder, ownerFile), 'utf8'));
    return startOf(pid) !== start;
  } catch {
    return false; // No folder of ours, or one that goes at this moment.
  }
}

/** The run user writes the list, so root believes it only of the state folder: a short path would name everybody's processes. */
function placesOf(folder) {
  try {
    const { state } = JSON.parse(readFileSync(join(folder, ownerFile), 'utf8'));
    const more = readFileSync(join(folder, placesFile), 'utf8').split('\n');
    return [folder, memoryOf(folder), ...more.filter((place) => state !== undefined && place.startsWith(`${state}/`))];
  } catch {
    return [folder, memoryOf(folder)];
  }
}
