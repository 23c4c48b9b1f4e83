/** CPU and memory of a process, as the kernel counts them. Linux only. */
import { readFile } from 'node:fs/promises';

export interface ProcessUse {
  readonly cpuSeconds: number;
  readonly rssBytes: number;
  readonly peakBytes: number;
}

/** The kernel's USER_HZ, which is 100 on every architecture that Node runs on. */
const ticksPerSecond = 100;

export async function useOf(pid: number): Promise<ProcessUse> {
  const [stat, status] = await Promise.all([
    readFile(`/proc/${pid}/stat`, 'utf8'),
    readFile(`/proc/${pid}/status`, 'utf8'),
  ]);
  return {
    cpuSeconds: cpuSecondsOf(stat),
    rssBytes: kibOf(status, 'VmRSS') * 1024,
    peakBytes: kibOf(status, 'VmHWM') * 1024,
  };
}

/** A name in parentheses comes before the numbers, and may hold anything. */
export function cpuSecondsOf(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

function kibOf(status: string, key: string): number {
  return Number(new RegExp(`^${key}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? 0);
}
