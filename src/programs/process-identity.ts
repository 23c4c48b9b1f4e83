/** Which process is it, so that a recycled pid is not taken for it? */
import { execFileSync } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

export interface ProcessIdentity {
  readonly host: string;
  /** Changes with every boot, and a pid means nothing outside of its namespace. Empty where the system tells neither. */
  readonly bootId: string;
  readonly pidNamespace: string;
  readonly pid: number;
  readonly startedAt: string;
}

export function ownIdentity(): ProcessIdentity {
  return { ...hereIdentity(), pid: process.pid, startedAt: processStart(process.pid) ?? '' };
}

/** True only where it is certain: same host, and another boot or no such process of this start time. */
export function isProvenDead(holder: ProcessIdentity): boolean {
  const here = hereIdentity();
  if (holder.host !== here.host) return false;
  if (holder.bootId !== here.bootId) return true;
  if (holder.pidNamespace !== here.pidNamespace) return false;
  return processStart(holder.pid) !== holder.startedAt;
}

function hereIdentity(): Omit<ProcessIdentity, 'pid' | 'startedAt'> {
  return {
    host: hostname(),
    bootId: tryRead(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()) ?? '',
    pidNamespace: tryRead(() => readlinkSync('/proc/self/ns/pid')) ?? '',
  };
}

/** Start time of a running process, in the system's own notation; undefined where there is none (a zombie is none). */
function processStart(pid: number): string | undefined {
  const stat = tryRead(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  if (stat !== undefined) {
    // The second field is the name in brackets and may hold spaces: count from the last bracket.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
  }
  if (process.platform === 'linux') return undefined;
  return tryRead(() => execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim());
}

function tryRead(read: () => string): string | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
