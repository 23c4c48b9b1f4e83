/** Folders on the server, of which each takes several ways there and back: some are listed before their turn. */

/** How many folders of one folder are listed ahead. */
const foldersAhead = 8;
/** In the whole storage, whatever lies in what. */
const readingsAtOnce = 16;

/** Gives what is in each folder, in their order. */
export async function* inFolders<T>(
  folders: readonly string[],
  list: (folder: string) => AsyncIterable<T>,
): AsyncGenerator<readonly T[]> {
  const ahead: Promise<readonly T[]>[] = [];
  for (const [at] of folders.entries()) {
    for (const folder of folders.slice(at + ahead.length, at + foldersAhead)) {
      const listing = all(list(folder));
      // Told when its turn comes.
      listing.catch(() => undefined);
      ahead.push(listing);
    }
    yield (await ahead.shift()) ?? [];
  }
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

/** So many readings at a time; the others wait in their order. */
export class Readings {
  readonly #waiting: (() => void)[] = [];
  #free = readingsAtOnce;

  async run<T>(read: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await read();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}
