/** Symbolic links that a path leads through, so that a restore can make them again. */
import { lstat, readlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';

export interface Link {
  /** Absolute, with no link before its last name. */
  readonly path: string;
  /** As it is written in the link. */
  readonly target: string;
}

export interface LinkChain {
  /** Where the path leads in the end, whether or not something stands there. */
  readonly end: string;
  /** In the order in which they are met. */
  readonly links: readonly Link[];
  /** What the path became after each of them. */
  readonly became: readonly string[];
}

/** As many as Linux follows. */
const maxLinks = 40;

/**
 * Follows each name of an absolute path; where this host has nothing, the planned links count. Undefined for a loop and
 * where this process may not look.
 */
export async function followLinks(path: string, planned: readonly Link[] = []): Promise<LinkChain | undefined> {
  const links: Link[] = [];
  const became: string[] = [];
  let at = '/';
  const names = resolve(path).split('/').filter(Boolean);
  for (let name = names.shift(); name !== undefined; name = names.shift()) {
    const next = join(at, name);
    const target = await linkText(next, planned);
    if (target === 'unseen') return undefined;
    if (target === undefined) {
      at = next;
      continue;
    }
    if (links.push({ path: next, target }) > maxLinks) return undefined;
    names.unshift(...resolve(dirname(next), target).split('/').filter(Boolean));
    at = '/';
    became.push(resolve('/', ...names));
  }
  return { end: at, links, became };
}

async function linkText(path: string, planned: readonly Link[]): Promise<string | undefined> {
  try {
    return (await lstat(path)).isSymbolicLink() ? await readlink(path) : undefined;
  } catch (error) {
    if (!isAbsence(error)) return 'unseen';
    return planned.find((link) => link.path === path)?.target;
  }
}

export function isAbsence(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'ENOENT' || code === 'ENOTDIR';
}
