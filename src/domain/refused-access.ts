/** What to do where the operating system refused a path. Pure. */

/** Root may look for one of these; no other right would help it. */
const refusesRoot =
  'root itself is refused. Such paths are: on NFS with `root_squash`, on a FUSE mount of another user, in a container without CAP_DAC_OVERRIDE, under a rule of SELinux or AppArmor';
const immutable = 'or immutable: `lsattr` shows an `i`, and `chattr -i` takes it away';

/** `errno` is the system's word, `uid` this process's own user, `owner` completes "run the worker as root or as …". */
export function refusedHint(
  errno: string | undefined,
  uid: number | undefined,
  owner = 'the owner of the data',
): string {
  if (errno === 'EROFS')
    return 'its filesystem is mounted read-only: mount it for writing (after a fault the kernel makes it so, see `dmesg`)';
  if (uid === 0) return `${refusesRoot}, ${immutable}`;
  return errno === 'EPERM'
    ? `run the worker as root or as ${owner}; where it is that already, the path may be immutable: see \`lsattr\``
    : `run the worker as root or as ${owner}`;
}
