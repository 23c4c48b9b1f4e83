/** Where a path leads among captured entries: symbolic links followed as the kernel would, without a disk. */
import { posix } from 'node:path';

/** As many as Linux follows. */
const maxLinks = 40;

/** Absolute path of what `path` leads to; undefined for a circle. `links` has the texts of links by their absolute paths. */
export function followLinks(path: string, links: ReadonlyMap<string, string>): string | undefined {
  const parts = path.split('/').filter((part) => part !== '');
  let at = '';
  for (let followed = 0; parts.length > 0;) {
    const part = parts.shift() ?? '';
    if (part === '.') continue;
    if (part === '..') {
      at = at.slice(0, Math.max(at.lastIndexOf('/'), 0));
      continue;
    }
    const next = `${at}/${part}`;
    const text = links.get(next);
    if (text === undefined) {
      at = next;
      continue;
    }
    followed += 1;
    if (followed > maxLinks) return undefined;
    if (posix.isAbsolute(text)) at = '';
    parts.unshift(...text.split('/').filter((each) => each !== ''));
  }
  return at === '' ? '/' : at;
}
