/** Which files of this host need not be read again as long as their times stand. */
import { readFile, statfs } from 'node:fs/promises';
import { doesWriteBack, isWrittenBack, type WriteBackSettings } from '../../domain/written-back.ts';

export interface LookedAt {
  readonly path: string | Buffer;
  readonly device: string;
  readonly ctimeNs: string;
  /** Milliseconds since 1970, from before anything of it was read. */
  readonly at: number;
}

/** True where every write since `at` moves the file's times, also one through a mapping that stands already. */
export type IsSettled = (file: LookedAt) => Promise<boolean>;

/** As this system writes back. What cannot be asked counts as not settled. */
export function createIsSettled(): IsSettled {
  let settings: Promise<WriteBackSettings> | undefined;
  const fileSystems = new Map<string, Promise<boolean>>();
  return async ({ path, device, ctimeNs, at }) => {
    settings ??= readSettings();
    if (!isWrittenBack(BigInt(ctimeNs), at, await settings)) return false;
    const known = fileSystems.get(device) ?? statfs(path).then(({ type }) => doesWriteBack(type), notKnown);
    fileSystems.set(device, known);
    return known;
  };
}

async function readSettings(): Promise<WriteBackSettings> {
  const [expire, interval] = await Promise.all([
    setting('dirty_expire_centisecs'),
    setting('dirty_writeback_centisecs'),
  ]);
  return expire === undefined || interval === undefined ? {} : { expire, interval };
}

async function setting(name: string): Promise<number | undefined> {
  const text = await readFile(`/proc/sys/vm/${name}`, 'utf8').catch(() => '');
  return /^\d+\s*$/.test(text) ? Number(text) : undefined;
}

function notKnown(): boolean {
  return false;
}
