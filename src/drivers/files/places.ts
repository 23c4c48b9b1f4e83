/**
 * Where each configured path lies, and what it had at the last capture: a path whose disk is not mounted is an empty
 * folder, or holds what once lay below the mount, and looks whole.
 */
import { lstat, realpath, stat } from 'node:fs/promises';
import { posix } from 'node:path';
import { isLifeboatError, LifeboatError } from '../../domain/errors.ts';
import type { ComponentRecord } from '../../domain/recovery-point.ts';
import { parseJson } from '../../json/parse-json.ts';
import type { RestoreContext } from '../driver.ts';
import { factsPath, type FilesFacts, type PathPlace } from './facts.ts';
import { isInside, isReserved, pathBytes } from './paths.ts';

/** An earlier capture of the component. */
export type Earlier = Pick<RestoreContext, 'repository' | 'record'>;

/** What an earlier capture sealed; undefined where it cannot be read: a damaged recovery point is no reason to make none. */
export async function earlierFacts({ repository, record }: Earlier): Promise<FilesFacts | undefined> {
  try {
    const sealed = await repository.readFile(record.indexId, factsPath);
    return sealed === undefined ? undefined : (parseJson(Buffer.from(sealed).toString('utf8')) as FilesFacts);
  } catch (error) {
    if (isLifeboatError(error) || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** The device of a folder; undefined where there is none. */
type DeviceOf = (path: string) => Promise<bigint | undefined>;

/** A path of the host's root file system has `/`. `real` is a path without links; what it leads through may be absent. */
export async function mountOf(real: string, deviceOf: DeviceOf = deviceAt): Promise<string> {
  let at = real;
  let device = await deviceOf(at);
  while (at !== '/') {
    const parent = posix.dirname(at);
    const above = await deviceOf(parent);
    if (device !== undefined && device !== above) return at;
    [at, device] = [parent, above];
  }
  return at;
}

/** The device of a folder; undefined for files, which on overlays have another device than the folder that they lie in. */
async function deviceAt(path: string): Promise<bigint | undefined> {
  // What lies in it: a disk that is mounted when somebody looks is mounted by that.
  return (await stat(`${path}/.`, { bigint: true }).catch(() => undefined))?.dev;
}

/** Was a path on a file system that is not mounted now, so that another one shows in its place? Pure. */
export function isUnmounted(before: string, now: { readonly real: string; readonly mount: string }): boolean {
  return before !== now.mount && isInside(now.real, before) && isInside(before, now.mount);
}

export interface Unmounted {
  readonly path: string;
  readonly error: LifeboatError;
}

/**
 * The configured paths that were on a file system which is not mounted now, each with Precondition. Data that was moved, or
 * restored, to where the mount was is as good: there, most of what had changed last is found, and not an older state of it.
 */
export async function unmountedPaths(
  roots: readonly string[],
  earlier: Earlier,
  { places = [] }: Pick<FilesFacts, 'places'>,
): Promise<Unmounted[]> {
  const found: Unmounted[] = [];
  for (const { path, mount } of places.filter((each) => roots.includes(each.path))) {
    const real = await realpath(path).catch(() => path);
    if (!isUnmounted(mount, { real, mount: await mountOf(real) })) continue;
    // Where nothing tells what was there, nothing tells that it is there still.
    const isThere = await isContinued(path, earlier).catch((error: unknown) => {
      if (isLifeboatError(error)) return false;
      throw error;
    });
    if (isThere) continue;
    found.push({ path, error: unmounted({ path, mount, isOnly: roots.length === 1 }, earlier.record) });
  }
  return found;
}

function unmounted(
  { path, mount, isOnly }: { readonly path: string; readonly mount: string; readonly isOnly: boolean },
  { id, capturedUntil }: ComponentRecord,
): LifeboatError {
  const where = path === mount ? '' : `, which lies in \`${mount}\`,`;
  return new LifeboatError(
    'Precondition',
    `\`${path}\`${where} is not mounted: it was a file system of its own at the capture of ${capturedUntil}, and what had changed last there is missing`,
    {
      component: id,
      hint: `mount \`${mount}\`; to go on without what was there, ${isOnly ? `give \`${id}\` another id` : `take \`${path}\` out of \`paths\` of \`${id}\` for one backup`}`,
    },
  );
}

/** How many of the files that changed last are looked for; more than half of them must be there. */
const newestFiles = 10;
/** Not every file system keeps more than seconds. */
const toleranceNs = 1_000_000_000n;

async function isContinued(root: string, { repository, record }: Earlier): Promise<boolean> {
  let newest: { readonly path: Buffer; readonly mtimeNs: bigint }[] = [];
  for await (const entry of repository.readIndex(record.indexId)) {
    if (entry.type !== 'file' || isReserved(entry.path) || !isInside(`/${entry.path}`, root)) continue;
    const path = Buffer.concat([Buffer.from('/'), pathBytes(entry)]);
    newest.push({ path, mtimeNs: BigInt(entry.mtimeNs) });
    if (newest.length >= 1000) newest = newestOf(newest);
  }
  const expected = newestOf(newest);
  const there = await Promise.all(
    expected.map(async ({ path, mtimeNs }) => {
      const stats = await lstat(path, { bigint: true }).catch(() => undefined);
      return stats !== undefined && stats.mtimeNs + toleranceNs >= mtimeNs;
    }),
  );
  // Of a path without a file nothing could be missing.
  return expected.length === 0 || there.filter(Boolean).length * 2 > expected.length;
}

function newestOf<File extends { readonly mtimeNs: bigint }>(files: readonly File[]): File[] {
  return files.toSorted((a, b) => (a.mtimeNs === b.mtimeNs ? 0 : a.mtimeNs > b.mtimeNs ? -1 : 1)).slice(0, newestFiles);
}

/** What is sealed of each path; one without a file keeps what it had when it last had any, of the same exclusions. */
export async function placesOf(
  roots: readonly string[],
  files: ReadonlyMap<string, number>,
  earlier: FilesFacts | undefined,
  exclude: readonly string[],
): Promise<PathPlace[]> {
  const isComparable = JSON.stringify(earlier?.exclude) === JSON.stringify(exclude);
  return Promise.all(
    roots.map(async (path) => {
      const now = files.get(path) ?? 0;
      const had = isComparable ? (earlier?.places?.find((each) => each.path === path)?.lastFiles ?? 0) : 0;
      return {
        path,
        mount: await mountOf(await realpath(path).catch(() => path)),
        files: now,
        lastFiles: now > 0 ? now : had,
      };
    }),
  );
}

/** Had it files once, and none at the capture? */
export function isEmptied({ files, lastFiles }: PathPlace): boolean {
  return files === 0 && lastFiles > 0;
}
