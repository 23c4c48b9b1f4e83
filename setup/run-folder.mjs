/**
 * One folder per run: the temporary files of everything that it starts, and the mark by which its processes are known. It
 * goes with the run; what a killed run left, processes and files, is ended by the next one.
 *
 * The run user owns the folder and may write what it likes there. So what root acts upon stands elsewhere: a note per run in
 * the cache, into which only who installs may write.
 */
import { spawnSync } from 'node:child_process';
import {
  accessSync,
  chownSync,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { endProcesses, namesOf, startOf } from './processes.mjs';

/** Not TMPDIR, which may be long: sockets of engines lie below, and their paths end at 108 bytes. */
const parent = '/tmp';
const prefix = 'lb-';
/** A file system in memory, where there is room for five tests at once: a fifth of what engines cost is their disk. */
const memoryParent = '/dev/shm';
const memoryBytes = 2e9;
/** Further folders of the run, one a line, which outlive it, as the state of a demo does (src/dev/run-place.ts writes it). */
const placesFile = 'places';
const placesBytes = 65_536;

/**
 * Makes the folder and marks everything that this process starts from now on with it. A run is
 * `{folder, note, memory, state, uid, gid}`; `note` is the path of its note.
 */
export function openRun(cache) {
  const folder = realpathSync(mkdtempSync(join(parent, prefix)));
  const run = { folder, note: join(notesOf(cache), `${basename(folder)}.json`) };
  writeNote(run);
  writeFileSync(join(folder, placesFile), '');
  // A run within a run (a test of set-up itself) keeps the mark of the outer one.
  process.env.LIFEBOAT_RUN = [process.env.LIFEBOAT_RUN, folder].filter(Boolean).join(':');
  return run;
}

/** The run user owns what lies in it. Further places of the run lie below `state`. */
export function giveRun(run, state, user) {
  Object.assign(run, { state, uid: user.uid, gid: user.gid });
  writeNote(run);
  if (user.switchTo) for (const path of [join(run.folder, placesFile), run.folder]) chownSync(path, user.uid, user.gid);
}

/** A second folder of the run, in memory; undefined where this machine has no room there. */
export function openMemory(run) {
  const memory = join(memoryParent, basename(run.folder));
  try {
    accessSync(memoryParent, constants.W_OK);
    const { bavail, bsize } = statfsSync(memoryParent);
    if (bavail * bsize < memoryBytes) return undefined;
    mkdirSync(memory, { mode: 0o700 });
  } catch {
    return undefined;
  }
  run.memory = memory;
  writeNote(run);
  if (process.getuid() === 0) chownSync(memory, run.uid, run.gid);
  return memory;
}

/** Ends every process of the run and removes its folders. Gives the processes that still ran. */
export async function closeRun(run, say) {
  const ended = await endProcesses(placesOf(run));
  for (const path of [run.memory, run.folder]) if (path !== undefined) removeAs(run, path, say);
  rmSync(run.note, { force: true });
  return ended;
}

/** Does the same for runs whose own process is gone: it was killed, or the machine was. Says what it found. */
export async function endLeftovers(cache, say) {
  for (const note of namesIn(notesOf(cache)).map((name) => join(notesOf(cache), name))) {
    const run = readNote(note);
    if (run === undefined || startOf(run.pid) === run.start) continue;
    const ended = await closeRun(run, say);
    if (ended.length > 0)
      say(`an earlier run was killed and left ${ended.length} processes, which are ended now: ${namesOf(ended)}`);
  }
}

/** prepareCache makes it. */
export function notesOf(cache) {
  return join(cache, 'runs');
}

function writeNote({ note, ...run }) {
  writeFileSync(note, JSON.stringify({ pid: process.pid, start: startOf(process.pid), ...run }));
}

/** Undefined for one that is being written, and for one that another start has just ended. */
function readNote(note) {
  try {
    return { ...JSON.parse(readFileSync(note, 'utf8')), note };
  } catch {
    return undefined;
  }
}

/** As the owner of what lies there: root would follow where the run user leads. Tests take rights away from folders. */
function removeAs({ uid, gid }, path, say) {
  const owner = process.getuid() === 0 && uid !== undefined ? { uid, gid } : {};
  spawnSync('/bin/sh', ['-c', 'chmod -R u+rwX "$1" 2>/dev/null; rm -rf "$1"', 'remove', path], {
    stdio: 'ignore',
    cwd: '/',
    ...owner,
  });
  if (existsSync(path)) say(`${path} cannot be removed; remove it by hand`);
}

/** The run user writes the list, so only what lies in its state folder is believed. */
function placesOf({ folder, memory, state }) {
  const more = state === undefined ? [] : readPlaces(join(folder, placesFile));
  return [folder, memory, ...more.filter((place) => place.startsWith(`${state}/`))].filter(Boolean);
}

function readPlaces(path) {
  let descriptor;
  try {
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const found = fstatSync(descriptor);
    return found.isFile() && found.size <= placesBytes ? readFileSync(descriptor, 'utf8').split('\n') : [];
  } catch {
    return [];
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

function namesIn(folder) {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
