/**
 * Tells whether a stored set of files is complete in itself (X11): every configured path is there, links lead to what was captured,
 * and what a compose file names lies beside it. Two passes over the index: only links and references are held, not files.
 */
import type { FileEntry, IndexEntry } from '../../domain/entry.ts';
import type { LeftOut } from '../../domain/left-out.ts';
import type { ProbeResult } from '../../domain/recovery-point.ts';
import { fileName, Inspection, inspectFacts, readLeftOut, readStored, type Stored } from '../stored.ts';
import { composeReferences, isComposeFile } from './compose-references.ts';
import { excluder } from './exclude.ts';
import { factsPath, type FilesFacts } from './facts.ts';
import { followLinks } from './follow-links.ts';
import { isInside, isReserved } from './paths.ts';

export async function inspectFiles(stored: Stored): Promise<ProbeResult[]> {
  const inspection = new Inspection(stored.record.id);
  const facts = await inspectFacts<FilesFacts>(inspection, stored, { path: factsPath, lists: ['paths', 'exclude'] });
  if (facts === undefined) return inspection.results;
  const found = await survey(stored, facts);
  inspectCounts(inspection, stored, found);
  for (const root of facts.paths)
    inspection.expect(`path ${root}`, 'there', found.roots.has(root) ? 'there' : 'absent');
  for (const path of found.strangers)
    inspection.expect(fileName(path), 'inside the configured paths', 'outside of them');
  const isLeftOut = leftOut(facts, await readLeftOut(stored));
  const needs = [
    ...linkNeeds(found, facts, isLeftOut),
    ...(await composeNeeds(inspection, stored, { found, facts, isLeftOut })),
  ];
  await inspectNeeds(inspection, stored, needs);
  return inspection.results;
}

interface Counts {
  files: number;
  folders: number;
  links: number;
}

interface Survey {
  readonly counts: Counts;
  /** Configured paths that the index has. */
  readonly roots: ReadonlySet<string>;
  /** The first entries outside of them. */
  readonly strangers: readonly string[];
  /** Texts of symbolic links, and first names of hard links, by absolute path. */
  readonly symlinks: ReadonlyMap<string, string>;
  readonly hardlinks: ReadonlyMap<string, string>;
  readonly composeFiles: readonly FileEntry[];
}

/** What must be there so that `by` is whole. */
interface Need {
  readonly by: string;
  /** Absolute. */
  readonly path: string;
  readonly type: 'file' | 'any';
}

async function survey({ repository, record, signal }: Stored, { paths }: FilesFacts): Promise<Survey> {
  const counts: Counts = { files: 0, folders: 0, links: 0 };
  const roots = new Set<string>();
  const strangers: string[] = [];
  const symlinks = new Map<string, string>();
  const hardlinks = new Map<string, string>();
  const composeFiles: FileEntry[] = [];
  for await (const entry of repository.readIndex(record.indexId, signal)) {
    if (isReserved(entry.path)) continue;
    const path = `/${entry.path}`;
    count(entry, counts);
    if (paths.includes(path)) roots.add(path);
    if (!paths.some((root) => isInside(path, root)) && strangers.length < 20) strangers.push(path);
    // A text that is not UTF-8 names nothing that the index could list by its text.
    if (entry.type === 'symlink' && entry.targetBase64 === undefined) symlinks.set(path, entry.target ?? '');
    if (entry.type === 'hardlink') hardlinks.set(path, `/${entry.target ?? ''}`);
    if (entry.type === 'file' && isComposeFile(path)) composeFiles.push(entry);
  }
  return { counts, roots, strangers, symlinks, hardlinks, composeFiles };
}

function count({ type }: IndexEntry, counts: Counts): void {
  if (type === 'file') counts.files += 1;
  else if (type === 'directory') counts.folders += 1;
  else counts.links += 1;
}

function inspectCounts(inspection: Inspection, { record: { facts } }: Stored, { counts }: Survey): void {
  const describe = (of: Readonly<Record<string, unknown>>): string =>
    `${String(of['files'])} files, ${String(of['folders'])} folders, ${String(of['links'])} links`;
  inspection.expect('entries of the index', describe(facts), describe({ ...counts }));
}

/** A link into the configured paths must find there what it found at the capture; one that led nowhere may still. */
function linkNeeds({ symlinks, hardlinks }: Survey, facts: FilesFacts, isLeftOut: (path: string) => boolean): Need[] {
  const needs = [...hardlinks].map(([link, path]): Need => ({ by: `hard link \`${link}\``, path, type: 'file' }));
  // Points of older versions do not say which links led nowhere.
  const { dangling } = facts;
  if (dangling === undefined) return needs;
  const known = new Set(dangling);
  for (const link of symlinks.keys()) {
    const path = known.has(link) ? undefined : followLinks(link, symlinks);
    if (path !== undefined && isWithin(path, facts) && !isLeftOut(path)) {
      needs.push({ by: `link \`${link}\``, path, type: 'any' });
    }
  }
  return needs;
}

interface ComposeSurvey {
  readonly found: Survey;
  readonly facts: FilesFacts;
  readonly isLeftOut: (path: string) => boolean;
}

async function composeNeeds(
  inspection: Inspection,
  stored: Stored,
  { found: { composeFiles, symlinks }, facts, isLeftOut }: ComposeSurvey,
): Promise<Need[]> {
  const needs: Need[] = [];
  for (const entry of composeFiles) {
    const file = `/${entry.path}`;
    const content = await readStored(stored, entry);
    const references = content === undefined ? undefined : composeReferences(content.toString('utf8'), file);
    if (references === undefined) {
      inspection.expect(fileName(file), 'a compose file', content === undefined ? `${entry.size} bytes` : 'not YAML');
      continue;
    }
    for (const { at, path: named, kind } of references) {
      const path = followLinks(named, symlinks);
      if (path === undefined || !isWithin(path, facts)) continue;
      // A volume that is left out on purpose is another component's data; an `.env` that is left out is missed.
      if (kind === 'volume' && isLeftOut(path)) continue;
      needs.push({ by: `${fileName(file)}: ${at}`, path, type: kind === 'volume' ? 'any' : 'file' });
    }
  }
  return needs;
}

async function inspectNeeds(
  inspection: Inspection,
  { repository, record, signal }: Stored,
  needs: readonly Need[],
): Promise<void> {
  if (needs.length === 0) return;
  const types = new Map<string, string>(needs.map(({ path }) => [path, 'absent']));
  for await (const entry of repository.readIndex(record.indexId, signal)) {
    // A second name of a file is as good as the first.
    if (types.has(`/${entry.path}`)) types.set(`/${entry.path}`, entry.type === 'hardlink' ? 'file' : entry.type);
  }
  let met = 0;
  for (const { by, path, type } of needs) {
    const actual = types.get(path) ?? 'absent';
    if (actual !== 'absent' && (type === 'any' || actual === 'file')) met += 1;
    else
      inspection.expect(
        by,
        `${fileName(path)} is captured`,
        actual === 'absent' ? `${fileName(path)} is not` : `it is a ${actual}`,
      );
  }
  inspection.expect(
    'links and references',
    `${needs.length} lead to what is captured`,
    `${met} lead to what is captured`,
  );
}

function isWithin(path: string, { paths }: FilesFacts): boolean {
  return paths.some((root) => isInside(path, root));
}

/** Left out by configuration, or neither file, folder nor link. */
function leftOut({ paths, exclude, skipped = [] }: FilesFacts, named: readonly LeftOut[]): (path: string) => boolean {
  const isExcluded = excluder(exclude);
  const special = new Set([...skipped, ...named].map(({ path }) => path));
  return (path) => {
    const root = paths.find((each) => isInside(path, each)) ?? '/';
    // A folder that is left out is left out with all below it.
    for (let at = path; at.length > root.length; at = at.slice(0, at.lastIndexOf('/'))) {
      if (isExcluded(at, root)) return true;
    }
    return special.has(path);
  };
}
