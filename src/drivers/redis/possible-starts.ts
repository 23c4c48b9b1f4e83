/**
 * The starts that a restored data directory must serve. Where something else than Lifeboat starts the server, nobody tells
 * its arguments, and they come before the file: it may start as the file says or as the captured server ran, and with
 * append-only files or without. One folder can serve all of these: without append-only files a server reads the dump and
 * nothing else, with them it reads the base file, which is the same dump. Pure.
 */
import type { RedisFacts } from './facts.ts';
import type { StartSettings } from './next-start.ts';
import { layoutFor } from './start-settings.ts';

export interface AppendFiles {
  readonly folder: string;
  readonly name: string;
}

/** What lies in the data directory: the dump by each of these names, append-only files by each of those. */
export interface Layout {
  readonly dumps: readonly [string, ...string[]];
  readonly appends: readonly AppendFiles[];
}

export type Starts = readonly [RedisFacts, ...RedisFacts[]];

/** The captured facts with the names of each start, the one that is believed in most first. */
export function possibleStarts(captured: RedisFacts, next: StartSettings | undefined, isKnown: boolean): Starts {
  const expected = layoutFor(captured, next);
  return isKnown || next === undefined ? [expected] : [expected, captured];
}

/** Where the arguments are not known, append-only files are laid out also for a server that is believed to want none. */
export function layoutOf([expected, ...others]: Starts, isKnown: boolean): Layout {
  const appending = [expected, ...others].filter(({ appendOnly }) => appendOnly);
  const appends = (isKnown ? appending : [expected, ...appending]).map(
    ({ appendFolder: folder, appendName: name }) => ({
      folder,
      name,
    }),
  );
  return {
    dumps: [expected.dumpName, ...others.map(({ dumpName }) => dumpName).filter((name) => name !== expected.dumpName)],
    appends: appends.filter(
      (each, index) => appends.findIndex(({ folder, name }) => folder === each.folder && name === each.name) === index,
    ),
  };
}

export function oneName(name: string): string {
  return `the dump and the append-only files would both be \`${name}\` in the data directory`;
}

export const oneNameHint =
  'set `dbfilename` to a name that neither `appenddirname` nor `appendfilename` has, and restart the server';
