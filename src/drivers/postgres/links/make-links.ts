/** Makes the links of a data directory again that a base backup does not hold. */
import { lchown, lstat, open, stat, symlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { LifeboatError } from '../../../domain/errors.ts';
import type { RestoreContext } from '../../driver.ts';
import { syncFolder } from '../../swap/disk.ts';
import { makeParents } from '../../swap/staging.ts';
import type { DataLink } from './data-links.ts';
import type { SealedFacts } from '../facts.ts';
import { configFolder } from '../facts.ts';
import type { Owner } from '../../../platform/target.ts';
import { asOther } from '../server/owner.ts';
import { followLinks, type Link } from './link-chain.ts';
import type { RestorePaths } from '../restore/restore-paths.ts';

interface Making {
  readonly facts: SealedFacts;
  readonly paths: RestorePaths;
  readonly owner: Owner;
  readonly context: RestoreContext;
}

/** In words what is not as it was: a link whose target this host has not. */
export async function makeLinks(staged: string, making: Making): Promise<string[]> {
  const notes: string[] = [];
  for (const link of making.paths.links) {
    const note = await makeLink(staged, link, making);
    if (note !== undefined) notes.push(note);
  }
  const moved = (making.facts.links ?? []).some(({ purpose }) => purpose === 'wal');
  if (moved && making.paths.elsewhere.every(({ at }) => at !== 'pg_wal'))
    notes.push('`pg_wal` was a link; it comes back as a folder in the data directory');
  return notes;
}

async function makeLink(staged: string, link: DataLink, making: Making): Promise<string | undefined> {
  const { facts, paths, owner } = making;
  const path = join(staged, link.path);
  const target = resolve(paths.data, link.path, '..', link.target);
  const end = (await followLinks(target, facts.configLinks))?.end ?? target;
  const isRestored = paths.config.some((file) => file.path === end || file.path.startsWith(`${end}/`));
  const isThere = await stat(target).then(
    () => true,
    () => false,
  );
  // A target inside the data directory comes with it.
  if (isRestored || isThere || target.startsWith(`${resolve(paths.data)}/`)) {
    await makeParents(join(path, '..'));
    await symlink(link.target, path);
    const other = asOther(owner);
    if (other !== undefined) await lchown(path, other.uid, other.gid);
    return undefined;
  }
  if (link.purpose === 'log')
    return `\`${link.path}\` led to \`${target}\`, which is not here: the server makes a folder for its log`;
  // The server saw other paths than this host has: the contents stand in the link's own place.
  const files = facts.configFiles.filter(({ path: file }) => file === end);
  for (const file of files) await writeInPlace(path, file.stored, making);
  if (files.length > 0) return `\`${link.path}\` was a link to \`${target}\`; it comes back as a file`;
  throw new LifeboatError(
    'Precondition',
    `\`${link.path}\` in the data directory led to \`${target}\`, which is not here`,
    {
      component: making.context.record.id,
      hint: `make \`${target}\` with what the server needs of it`,
    },
  );
}

/**
 * Makes links outside the data directory where nothing stands; one that leads elsewhere now stays. An undone restore
 * leaves them: they lead where they did when the point was taken.
 */
export async function makeConfigLinks(links: readonly Link[]): Promise<void> {
  for (const { path, target } of links) {
    if (await isPresent(path)) continue;
    await makeParents(dirname(path));
    await symlink(target, path);
    await syncFolder(dirname(path));
  }
}

export async function isPresent(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

async function writeInPlace(path: string, stored: string, { owner, context }: Making): Promise<void> {
  const content = await context.repository.readFile(context.record.indexId, stored);
  if (content === undefined)
    throw new LifeboatError('ManifestInvalid', `the recovery point lacks \`${stored}\` of \`${configFolder}\``, {
      component: context.record.id,
    });
  const handle = await open(path, 'wx', 0o600);
  try {
    await handle.writeFile(content);
    const other = asOther(owner);
    if (other !== undefined) await handle.chown(other.uid, other.gid);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
