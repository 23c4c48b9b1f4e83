/** The largest resident memory of a process and of everything that it started, as the kernel counted it (VmHWM). */
import { readFile, readdir } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

export interface PeakMemory {
  /** Memory of the process itself. */
  readonly ownBytes: number;
  /** Memory of the programs that ran below it, by name: the largest one each. */
  readonly childrenBytes: Readonly<Record<string, number>>;
}

const everyMs = 100;

export interface MemoryWatch {
  /** The peak of the process itself so far. Undefined where the system does not tell it: anywhere but on Linux. */
  soFar(): Promise<number | undefined>;
  end(): Promise<PeakMemory | undefined>;
}

/** Children come and go, so they are looked at until `end` is called. */
export function watchMemory(pid: number): MemoryWatch {
  const stop = new AbortController();
  const children = new Map<string, number>();
  let ownBytes: number | undefined;
  const watching = (async () => {
    while (!stop.signal.aborted) {
      ownBytes = (await peakOf(pid))?.bytes ?? ownBytes;
      for (const child of await descendants(pid)) {
        const peak = await peakOf(child);
        if (peak !== undefined) children.set(peak.name, Math.max(children.get(peak.name) ?? 0, peak.bytes));
      }
      await delay(everyMs);
    }
  })();
  return {
    soFar: async () => (await peakOf(pid))?.bytes,
    end: async () => {
      stop.abort();
      await watching;
      return ownBytes === undefined ? undefined : { ownBytes, childrenBytes: Object.fromEntries(children) };
    },
  };
}

async function peakOf(pid: number): Promise<{ readonly name: string; readonly bytes: number } | undefined> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const kib = /^VmHWM:\s+(\d+) kB$/m.exec(text)?.[1];
  if (kib === undefined) return undefined;
  return { name: /^Name:\s+(.+)$/m.exec(text)?.[1] ?? 'unknown', bytes: Number(kib) * 1024 };
}

async function descendants(pid: number): Promise<number[]> {
  const threads = await readdir(`/proc/${pid}/task`).catch(() => []);
  const lists = await Promise.all(
    threads.map(async (thread) => readFile(`/proc/${pid}/task/${thread}/children`, 'utf8').catch(() => '')),
  );
  const children = lists.flatMap((list) => list.trim().split(/\s+/).filter(Boolean).map(Number));
  return [...children, ...(await Promise.all(children.map(descendants))).flat()];
}
