/**
 * Where a symbolic link of a component leads, as the kernel follows it: to something that the component or another one
 * carries, or to something that no recovery point will have. Paths are bytes, held as latin1 texts.
 */
import { readlink, realpath, stat } from 'node:fs/promises';
import { posix } from 'node:path';
import type { ComponentConfig } from '../../domain/appliance.ts';
import { isLifeboatName } from '../swap/names.ts';
import { excluder } from './exclude.ts';
import { isInside, rootsOf } from './paths.ts';

/** What a component carries, and what others do. */
export interface Ground {
  /** Whether a capture of the component comes to this real path. What the configuration leaves out counts, too. */
  readonly isOwn: (path: string) => boolean;
  /** Whether this path lies below a path of the component, by its name alone. */
  readonly isNamedOwn: (path: string) => boolean;
  /** Whether this real path is backed up by another component. */
  readonly isOthers: (path: string) => boolean;
}

export type Lead =
  /** `through` is a link outside by which it comes back: its bytes are carried, that link is not. */
  | { readonly where: 'own'; readonly path: string; readonly through?: string }
  | { readonly where: 'outside'; readonly path: string; readonly type: 'file' | 'folder' }
  /** `code` is the system's word: absent, a circle, or closed to this process. */
  | { readonly where: 'nowhere'; readonly path: string; readonly code: string; readonly isOutside: boolean }
  /** Another component's, a device, a socket, or what the kernel makes up: nothing is lost with it. */
  | { readonly where: 'harmless' };

/** As many as Linux follows. */
const maxLinks = 40;
/** What the kernel makes up. */
const madeUp = ['/proc', '/sys', '/dev'];

/** `paths` are the configured ones. */
export async function groundOf(paths: readonly string[], others: readonly ComponentConfig[]): Promise<Ground> {
  const roots = rootsOf(paths);
  const own = await realPaths(roots);
  const named = [...own, ...roots.map(latin1)];
  const covers = await Promise.all(others.map(coveredBy));
  return {
    isOwn: (path) => own.some((root) => isCarried(path, root)),
    isNamedOwn: (path) => named.some((root) => isInside(path, root)),
    isOthers: (path) => covers.some((covered) => covered(path)),
  };
}

/** `link` is where it lies: a path without links but for its last part. */
export async function leadOf(link: string, { isOwn, isNamedOwn, isOthers }: Ground): Promise<Lead> {
  const found = await realPath(link).catch(({ code = 'EIO' }: NodeJS.ErrnoException) => ({ code }));
  if (typeof found === 'object') {
    const path = await lastStep(link);
    return { where: 'nowhere', path, code: found.code, isOutside: !isNamedOwn(path) };
  }
  if (isOwn(found)) {
    const first = await step(link);
    return { where: 'own', path: found, ...(first === undefined || isNamedOwn(first) ? {} : { through: first }) };
  }
  if (isOthers(found) || madeUp.some((folder) => isInside(found, folder))) return { where: 'harmless' };
  const stats = await stat(Buffer.from(found, 'latin1')).catch(() => undefined);
  if (stats?.isFile() !== true && stats?.isDirectory() !== true) return { where: 'harmless' };
  return { where: 'outside', path: found, type: stats.isFile() ? 'file' : 'folder' };
}

/** What a recovery point lacks because of a link, in the words of what is left out; undefined where it lacks nothing. */
export function lackOf(lead: Lead): string | undefined {
  if (lead.where === 'outside' || (lead.where === 'own' && lead.through !== undefined)) return 'outside link target';
  return lead.where === 'nowhere' && lead.isOutside ? 'missing link target' : undefined;
}

export async function realPath(path: string): Promise<string> {
  return (await realpath(Buffer.from(path, 'latin1'), { encoding: 'buffer' })).toString('latin1');
}

/** For people. */
export function textOf(path: string): string {
  return Buffer.from(path, 'latin1').toString('utf8');
}

function latin1(text: string): string {
  return Buffer.from(text).toString('latin1');
}

/** What the link names; undefined where it is none. */
async function step(link: string): Promise<string | undefined> {
  const text = await readlink(Buffer.from(link, 'latin1'), { encoding: 'buffer' }).catch(() => undefined);
  return text === undefined ? undefined : posix.resolve(posix.dirname(link), text.toString('latin1'));
}

/** The path at which following a link ends because nothing is there. */
async function lastStep(link: string): Promise<string> {
  let at = link;
  for (let count = 0; count < maxLinks; count += 1) {
    const next = await step(at);
    if (next === undefined) break;
    at = next;
  }
  return at;
}

async function realPaths(paths: readonly string[]): Promise<string[]> {
  return Promise.all(paths.map(async (path) => realPath(latin1(path)).catch(() => latin1(path))));
}

/** No capture takes what a restore left beside or inside live data. */
function isCarried(path: string, root: string): boolean {
  return isInside(path, root) && !path.slice(root.length).split('/').some(isLifeboatName);
}

/** Which paths a component covers, for kinds that carry folders as they are; a database carries what its server knows. */
async function coveredBy(config: ComponentConfig): Promise<(path: string) => boolean> {
  if (config.kind === 'postgres' || config.kind === 'redis') return () => false;
  const roots = await realPaths(config.kind === 'files' ? rootsOf(config.paths) : [config.path]);
  const isExcluded = excluder(config.kind === 'files' ? config.exclude : []);
  return (path) => {
    const root = roots.find((each) => isCarried(path, each));
    if (root === undefined) return false;
    // A folder that is left out is left out with all below it.
    for (let at = path; at.length > root.length; at = posix.dirname(at))
      if (isExcluded(textOf(at), textOf(root))) return false;
    return true;
  };
}
