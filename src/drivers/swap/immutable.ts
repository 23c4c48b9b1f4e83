/** Paths that not even root may rename or remove: `chattr +i` and `+a`. Seen by `lsattr` of e2fsprogs, where it is installed. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
const maxOutput = 64 * 1024 * 1024;

export interface FixedPath {
  readonly path: string;
  readonly flag: 'i' | 'a';
}

/** None where the file system knows no such flags, or nothing here can read them. */
export async function fixedPaths(paths: readonly string[]): Promise<FixedPath[]> {
  if (paths.length === 0) return [];
  const options = { env: { ...process.env, LC_ALL: 'C' }, maxBuffer: maxOutput };
  // It ends with 1 where one of the paths cannot be asked, and tells the others all the same.
  const { stdout } = await run('lsattr', ['-d', '--', ...paths], options).catch(
    (error: { readonly stdout?: string }) => ({ stdout: error.stdout ?? '' }),
  );
  return fixedIn(stdout, paths);
}

/** From the output: flags, a blank, the path as it was given, which may hold line feeds. Pure. */
export function fixedIn(output: string, paths: readonly string[]): FixedPath[] {
  return paths.flatMap((path): FixedPath[] => {
    const end = output.indexOf(` ${path}\n`);
    if (end === -1) return [];
    const flags = output.slice(output.lastIndexOf('\n', end) + 1, end);
    if (flags.includes('i')) return [{ path, flag: 'i' }];
    return flags.includes('a') ? [{ path, flag: 'a' }] : [];
  });
}
