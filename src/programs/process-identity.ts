/** Identifies processes, so that a recycled pid is not taken for one, and says which are known to have ended. */
import { execFileSync } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

export interface ProcessIdentity {
  readonly host: string;
  /** Changes with every boot, and a pid means nothing outside of its namespace. Empty where the system tells neither. */
  readonly bootId: string;
  readonly pidNamespace: string;
  /** Start times are told differently in another one. Older versions do not say. */
  readonly timeNamespace?: string;
  readonly pid: number;
  /** Empty where it was not known. */
  readonly startedAt: string;
}

const isLinux = process.platform === 'linux';

export function ownIdentity(): ProcessIdentity {
  return { ...hereIdentity(), pid: process.pid, startedAt: factsOf(process.pid)?.startedAt ?? '' };
}

/**
 * True only where it is certain: the system itself says that there is no such process, or another one has its pid. What
 * /proc does not show may be hidden (`hidepid`). Another boot proves nothing: two hosts, or containers with boot ids of
 * their own, may have one name and one disk.
 */
export function isProvenDead(holder: ProcessIdentity): boolean {
  const here = hereIdentity();
  const isHere =
    holder.host === here.host && holder.bootId === here.bootId && holder.pidNamespace === here.pidNamespace;
  if (!isHere || here.bootId === '' || (isLinux && here.pidNamespace === '')) return false;
  // Of 0 and below `kill` knows groups, no process.
  if (!Number.isSafeInteger(holder.pid) || holder.pid <= 0) return false;
  if (!isThere(holder.pid)) return true;
  const facts = factsOf(holder.pid);
  if (facts === undefined) return false;
  const isAnother = holder.startedAt !== '' && facts.startedAt !== holder.startedAt;
  return facts.hasEnded || (isAnother && holder.timeNamespace === here.timeNamespace);
}

/** Whether there is such a process, of any user. Only ESRCH says no: EPERM is the answer for one that we may not signal. */
export function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** There is one, and what it is cannot be seen (`hidepid`). */
export function isHidden(pid: number): boolean {
  return isThere(pid) && factsOf(pid) === undefined && isThere(pid);
}

function hereIdentity(): Omit<ProcessIdentity, 'pid' | 'startedAt'> {
  const bootId = isLinux
    ? tryRead(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8'))
    : tryRead(() => execFileSync('sysctl', ['-n', 'kern.bootsessionuuid'], { encoding: 'utf8', stdio: 'pipe' }));
  return {
    host: hostname(),
    bootId: bootId?.trim() ?? '',
    pidNamespace: tryRead(() => readlinkSync('/proc/self/ns/pid')) ?? '',
    timeNamespace: tryRead(() => readlinkSync('/proc/self/ns/time')) ?? '',
  };
}

interface Facts {
  /** All of it: a leader may be a zombie while other threads are still at work. */
  readonly hasEnded: boolean;
  /** In the system's own notation. */
  readonly startedAt: string;
}

/** Undefined where it is hidden or gone, or where /proc is that of another namespace of pids. */
function factsOf(pid: number): Facts | undefined {
  if (!isLinux) return factsByPs(pid);
  if (tryRead(() => readlinkSync('/proc/self')) !== String(process.pid)) return undefined;
  const stat = tryRead(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  if (stat === undefined) return undefined;
  // The second field is the name in brackets and may hold spaces: count from the last bracket.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state = '', threads = '', startedAt = ''] = [fields[0], fields[17], fields[19]];
  return { hasEnded: state === 'X' || (state === 'Z' && Number(threads) <= 1), startedAt };
}

function factsByPs(pid: number): Facts | undefined {
  const env = { ...process.env, LC_ALL: 'C', TZ: 'UTC0' };
  const text = tryRead(() =>
    execFileSync('ps', ['-o', 'state=,lstart=', '-p', String(pid)], { encoding: 'utf8', stdio: 'pipe', env }),
  );
  const [state = '', ...started] = text?.trim().split(/\s+/) ?? [];
  return state === '' ? undefined : { hasEnded: state.startsWith('Z'), startedAt: started.join('_') };
}

function tryRead(read: () => string): string | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
