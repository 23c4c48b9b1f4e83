/**
 * How long a program may go on writing to a file without any of its times moving. A write through a shared mapping moves
 * them only where it is the first one to a page since that page was written back to the disk. Pure.
 */

/** The system's settings, in hundredths of a second; absent where they cannot be read. */
export interface WriteBackSettings {
  /** Age at which what was written is due for the disk (vm.dirty_expire_centisecs). */
  readonly expire?: number;
  /** Pause between two looks for what is due (vm.dirty_writeback_centisecs); 0 where the system never looks. */
  readonly interval?: number;
}

/** Where less than this would do, or nothing is known. */
const minNs = 60_000_000_000n;
/** A disk that has much to write takes what is due later: twice the time is given. */
const margin = 2;

/** From a change of a file's times on, until all of it is written back; undefined where no time can be named. */
export function writeBackNs({ expire, interval }: WriteBackSettings): bigint | undefined {
  if (expire === undefined || interval === undefined) return minNs;
  if (interval <= 0) return undefined;
  const ns = BigInt(Math.ceil((expire + interval) * margin)) * 10_000_000n;
  return ns > minNs ? ns : minNs;
}

/**
 * Were all pages of a file written back at `atMs`, before it was read? Then any write since moved its times. The time of
 * change counts: the one of modification can be set to anything.
 */
export function isWrittenBack(ctimeNs: bigint, atMs: number, settings: WriteBackSettings): boolean {
  const waitNs = writeBackNs(settings);
  return waitNs !== undefined && BigInt(Math.floor(atMs)) * 1_000_000n - ctimeNs > waitNs;
}

/**
 * File systems on a disk of this host, and NFS, which writes a file back before it tells its times: by the number that
 * `statfs` gives. In memory (tmpfs, ramfs) nothing is ever written back; an overlay does not say what it lies on; of all
 * others it is not known.
 */
const writesBack: ReadonlySet<number> = new Set([
  0xef53, // ext2, ext3, ext4
  0x58465342, // xfs
  0x9123683e, // btrfs
  0xf2f52010, // f2fs
  0x2fc12fc1, // zfs
  0x6969, // nfs
]);

export function doesWriteBack(fileSystem: number): boolean {
  return writesBack.has(fileSystem);
}
