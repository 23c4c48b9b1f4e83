/**
 * Finds and ends what a run has started, however far it went from its parents: engines have process groups of their own, and
 * what a killed parent left belongs to nobody. A process is of a run when its environment, its command line or its
 * working directory names one of the run's folders, or when it descends from such a process. PostgreSQL and Redis overwrite
 * their environment with their titles, and work in their data directories; a session of sshd has neither, and its listener
 * is its parent.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

const isLinux = process.platform === 'linux';
/** SIGINT asks PostgreSQL for its fast shutdown; what has not gone after this time is killed. */
const politeMs = 2500;
const killedMs = 5000;
const lookMs = 100;

/** `{pid, command}` of each process that names one of `places` (absolute paths), this one and its parents excepted. */
export function processesOf(places) {
  const own = ancestors();
  return (isLinux ? fromProc(places) : fromPs(places)).filter(({ pid }) => !own.has(pid));
}

/**
 * Ends all of them: asks, and kills what does not go. Gives those that it found. Returns when none is left, or when killing
 * does not help, as with a process that hangs in the kernel.
 */
export async function endProcesses(places) {
  const found = new Map();
  const begun = performance.now();
  for (;;) {
    // A session outlives its listener, by which it was found.
    const known = [...found.values()].filter(({ pid, start }) => start !== undefined && startOf(pid) === start);
    const living = [...new Map([...known, ...processesOf(places)].map((each) => [each.pid, each])).values()];
    const elapsed = performance.now() - begun;
    if (living.length === 0 || elapsed > politeMs + killedMs) return [...found.values()];
    for (const each of living) {
      if (elapsed > politeMs) send(each.pid, 'SIGKILL');
      else if (!found.has(each.pid)) send(each.pid, 'SIGINT');
      if (!found.has(each.pid)) found.set(each.pid, { ...each, start: startOf(each.pid) });
    }
    await delay(lookMs);
  }
}

/** What tells a process from a later one with its number; undefined where it has ended, also if its parent has not noticed. */
export function startOf(pid) {
  if (isLinux) {
    const found = statOf(pid);
    return found?.state === 'Z' ? undefined : found?.startTicks;
  }
  try {
    return (
      execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], {
        encoding: 'utf8',
        env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' },
      }).trim() || undefined
    );
  } catch {
    return undefined;
  }
}

/** For a message: at most five by name. */
export function namesOf(processes) {
  const names = processes.slice(0, 5).map(({ pid, command }) => `${command.slice(0, 60)} (${pid})`);
  return [...names, ...(processes.length > 5 ? [`and ${processes.length - 5} more`] : [])].join(', ');
}

function send(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch {
    // It went by itself.
  }
}

function fromProc(places) {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const found = statOf(Number(name));
      return found === undefined || found.state === 'Z' ? [] : [{ pid: Number(name), ...found }];
    });
  const marked = new Set(all.filter((each) => namesOneOf(places, each)).map(({ pid }) => pid));
  // A process comes after its parent, but where numbers began anew: each round finds one generation more at least.
  for (let before = -1; before < marked.size;) {
    before = marked.size;
    for (const { pid, parent } of all) if (marked.has(parent)) marked.add(pid);
  }
  return all.filter(({ pid }) => marked.has(pid)).map(({ pid }) => ({ pid, command: commandOf(pid) }));
}

function namesOneOf(places, { pid, terminal }) {
  const environment = textOf(`/proc/${pid}/environ`);
  if (places.some((place) => environment.includes(place))) return true;
  // Without the mark and at a terminal it is a person's: a shell in the folder, a pager on a log.
  if (terminal !== '0') return false;
  const folder = linkOf(`/proc/${pid}/cwd`);
  const command = commandOf(pid);
  return places.some((place) => folder === place || folder.startsWith(`${place}/`) || command.includes(place));
}

function commandOf(pid) {
  return textOf(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim();
}

/** On macOS the command line alone tells; a program that overwrites it is not found there. */
function fromPs(places) {
  return execFileSync('ps', ['-axwwo', 'pid=,stat=,command='], { encoding: 'utf8' })
    .split('\n')
    .flatMap((line) => {
      const [, pid, state, command = ''] = /^\s*(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? [];
      if (pid === undefined || state.startsWith('Z') || !places.some((place) => command.includes(place))) return [];
      return [{ pid: Number(pid), command }];
    });
}

function ancestors() {
  const own = new Set([process.pid]);
  for (let pid = process.ppid; pid > 1 && !own.has(pid); pid = (isLinux ? statOf(pid)?.parent : undefined) ?? 0)
    own.add(pid);
  return own;
}

/** The name of a program may hold blanks and brackets: what follows its last bracket counts. */
function statOf(pid) {
  const text = textOf(`/proc/${pid}/stat`);
  if (text === '') return undefined;
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0], parent: Number(fields[1]), terminal: fields[4], startTicks: fields[19] };
}

function textOf(path) {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return ''; // Gone meanwhile, or another user's.
  }
}

function linkOf(path) {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
