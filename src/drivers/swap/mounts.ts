/** Where filesystems are mounted, as this process sees it. */
import { readFile, realpath } from 'node:fs/promises';

/** Real paths of all mount points; empty where the system has no such list (macOS). */
export async function mountPoints(): Promise<string[]> {
  const text = await readFile('/proc/self/mountinfo', 'utf8').catch(() => '');
  return text.split('\n').flatMap((line) => {
    const path = line.split(' ')[4];
    return path === undefined ? [] : [unescapeMount(path)];
  });
}

/** Filesystems mounted below a folder: a swap would move them away together with the old data. */
export async function nestedMounts(folder: string): Promise<string[]> {
  const real = await realpath(folder).catch(() => folder);
  return (await mountPoints()).filter((mount) => mount.startsWith(real === '/' ? '/' : `${real}/`) && mount !== '/');
}

/** Blanks, tabs, line ends and backslashes are written as `\\` and three octal digits. */
function unescapeMount(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
