/** Every process of this host, with what tells a process from a later one that was given the same pid. */
import { execFile } from 'node:child_process';
import { readFile, readdir, readlink } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface ProcessEntry {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  /** Differs between two processes that had the same pid, also across a reboot. Equal to what a service's pid file holds. */
  readonly started: string;
}

/** Shell words that print `started` of the shell itself; it stays the same when the shell execs the service. */
export const printStarted =
  process.platform === 'linux'
    ? `"$(cat /proc/sys/kernel/random/boot_id):$(cut -d' ' -f22 /proc/$$/stat)"`
    : `"$(LC_ALL=C TZ=UTC0 ps -o lstart= -p $$ | tr -s ' ' '_')"`;

/** Living processes; a zombie holds no file, socket or memory any more and counts as gone. */
export async function readProcessTable(): Promise<ProcessEntry[]> {
  return process.platform === 'linux' ? readProc() : readPs();
}

/** The program that a process runs and the folder it works in, where this user may see them (Linux). */
export async function programOf(pid: number): Promise<{ executable: string; cwd: string } | undefined> {
  try {
    const [executable, cwd] = await Promise.all([readlink(`/proc/${pid}/exe`), readlink(`/proc/${pid}/cwd`)]);
    return { executable: withoutMark(executable), cwd: withoutMark(cwd) };
  } catch {
    return undefined;
  }
}

/** The kernel marks what was deleted or replaced under a living process: a process in a lost data directory is still one of its service. */
function withoutMark(path: string): string {
  return path.replace(/ \(deleted\)$/, '');
}

async function readProc(): Promise<ProcessEntry[]> {
  const bootId = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  // A process that ends between the listing and the reading is simply not in the table.
  const stats = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined)));
  return stats.flatMap((stat) => (stat === undefined ? [] : parseStat(stat, bootId)));
}

/** The name in parentheses may hold blanks and parentheses itself, so fields are counted after the last one. */
function parseStat(stat: string, bootId: string): ProcessEntry[] {
  const [state, parent, group, session, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (state === 'Z' || state === 'X') return [];
  const pid = Number(stat.slice(0, stat.indexOf(' ')));
  // Field 22 of the file is the 16th behind the session, which is field 6.
  return [
    { pid, parent: Number(parent), group: Number(group), session: Number(session), started: `${bootId}:${rest[15]}` },
  ];
}

async function readPs(): Promise<ProcessEntry[]> {
  const env = { ...process.env, LC_ALL: 'C', TZ: 'UTC0' };
  const { stdout } = await run('ps', ['-axo', 'pid=,ppid=,pgid=,state=,lstart='], { env, maxBuffer: 16 * 1024 * 1024 });
  return stdout.split('\n').flatMap((line) => {
    const [pid, parent, group, state, ...started] = line.trim().split(/\s+/);
    if (pid === undefined || pid === '' || state === undefined || state.startsWith('Z')) return [];
    return [
      {
        pid: Number(pid),
        parent: Number(parent),
        group: Number(group),
        session: Number(group),
        started: started.join('_'),
      },
    ];
  });
}
