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

/**
 * True where every write since `at` moves the file's times, also one through a mapping that stands already. A promise only
 * where the system must be asked.
 */
export type IsSettled = (file: LookedAt) => boolean | Promise<boolean>;

/** As this system writes back. What cannot be asked counts as not settled. */
export function createIsSettled(): IsSettled {
  let settings: WriteBackSettings | undefined;
  const fileSystems = new Map<string, boolean>();
  return ({ path, device, ctimeNs, at }) => {
    const known = fileSystems.get(device);
    if (settings !== undefined && known !== undefined) return known && isWrittenBack(BigInt(ctimeNs), at, settings);
    return (async () => {
      settings ??= await readSettings();
      const type = await statfs(path).then((facts) => doesWriteBack(facts.type), notKnown);
      fileSystems.set(device, type);
      return type && isWrittenBack(BigInt(ctimeNs), at, settings);
    })();
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
