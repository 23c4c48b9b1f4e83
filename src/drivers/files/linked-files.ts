/** Files with several names: the first of them that could be read carries the content, the others lead to it. */
import type { EntryMeta, OtherEntry } from '../../domain/entry.ts';
import { linkBytes, linkTarget, pathBytes } from './paths.ts';

type FileMeta = EntryMeta & { readonly type: 'file' };

/** False where that name was gone, or another file's, when it was read. */
export type ReadAs = (entry: FileMeta) => Promise<boolean>;

export class LinkedFiles {
  /** By the first name that was listed: the entry with the content, once it was read. */
  readonly #standing = new Map<string, Promise<FileMeta | undefined>>();

  /** The name that was listed first. Call it before `other` of the same file. */
  async first(entry: FileMeta, read: ReadAs): Promise<boolean> {
    const reading = read(entry);
    // Its failure ends the capture, not that of a name that waits for it.
    this.#standing.set(
      keyOf(pathBytes(entry)),
      reading.then(
        (isRead) => (isRead ? entry : undefined),
        () => undefined,
      ),
    );
    return reading;
  }

  /** The entry that leads to the content; undefined where this name was read in the place of those before it, or is gone like them. */
  async other(entry: OtherEntry, read: ReadAs): Promise<OtherEntry | undefined> {
    const key = keyOf(linkBytes(entry));
    const { target: _, targetBase64: __, ...meta } = entry;
    let wasRead = false;
    const standing = (this.#standing.get(key) ?? Promise.resolve(undefined)).then(async (first) => {
      if (first !== undefined) return first;
      wasRead = true;
      const own = { ...meta, type: 'file' } as const;
      return (await read(own)) ? own : undefined;
    });
    this.#standing.set(
      key,
      standing.catch(() => undefined),
    );
    const first = await standing;
    return first === undefined || wasRead ? undefined : { ...entry, ...linkTarget(pathBytes(first)) };
  }
}

function keyOf(name: Buffer): string {
  return name.toString('latin1');
}
