/**
 * The links of a component that is one folder: which lead to its own files, and behind which lies data of its kind that no
 * recovery point would have.
 */
import { realpath } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import type { ComponentConfig } from '../../domain/appliance.ts';
import { LifeboatError } from '../../domain/errors.ts';
import type { LeftOut } from '../../domain/left-out.ts';
import { plural } from '../../domain/plural.ts';
import { groundOf, lackOf, leadOf, textOf, type Ground, type Lead } from '../files/lead.ts';
import { lookBehind } from './behind-link.ts';
import type { FolderEntry } from './walk-folder.ts';
import type { Finding } from '../../domain/finding.ts';

export interface LinkedData {
  /** How messages name one: `model`. */
  readonly noun: string;
  /** Whether a file is one, by its name, or by its first bytes where it is there. */
  readonly isData: (path: string) => Promise<boolean>;
  /** The other components of the host: what they carry is not lost. */
  readonly others: readonly ComponentConfig[];
}

/** A link that hides data. */
export interface LinkFault {
  readonly message: string;
  readonly hint: string;
  readonly isMissing: boolean;
}

export interface FolderLinks {
  /** Links to files that the component carries: path of the link to path of the file, both below the folder. */
  readonly files: ReadonlyMap<string, string>;
  readonly faults: readonly LinkFault[];
  /** Targets that no recovery point has, and that are no data of the kind as far as was seen. */
  readonly lacks: readonly (LeftOut & { readonly note: string })[];
}

/** Follows every link. A folder behind one is looked through for data of the kind. */
export async function followFolderLinks(
  { kind, path }: { readonly kind: string; readonly path: string },
  entries: readonly FolderEntry[],
  data: LinkedData,
): Promise<FolderLinks> {
  const links = entries.filter(({ meta }) => meta.type === 'symlink');
  const files = new Map<string, string>();
  const faults: LinkFault[] = [];
  const lacks: (LeftOut & { note: string })[] = [];
  if (links.length === 0) return { files, faults, lacks };
  const root = await realpath(path).catch(() => path);
  const carried = new Set(entries.filter(({ kind: each }) => each === 'file').map(({ meta }) => meta.path));
  const ground = await groundOf([path], data.others);
  for (const { meta } of links) {
    const link = Buffer.from(join(root, meta.path)).toString('latin1');
    const lead = await leadOf(link, ground);
    const file = lead.where === 'own' ? relative(root, textOf(lead.path)) : undefined;
    if (file !== undefined && carried.has(file)) files.set(meta.path, file);
    const { fault, note } = await judge({ kind, path, shown: join(path, meta.path), ground }, lead, data);
    if (fault !== undefined) faults.push(fault);
    const what = lackOf(lead);
    if (fault === undefined && what !== undefined) lacks.push({ path: join(path, meta.path), what, note });
  }
  return { files, faults, lacks };
}

interface Subject {
  readonly kind: string;
  readonly path: string;
  /** The link, below the configured path. */
  readonly shown: string;
  readonly ground: Ground;
}

async function judge(
  { kind, path, shown, ground }: Subject,
  lead: Lead,
  { noun, isData }: LinkedData,
): Promise<{ fault?: LinkFault; note: string }> {
  if (lead.where === 'nowhere') {
    const target = textOf(lead.path);
    const note = `the link \`${shown}\` leads to \`${target}\`, ${absence(lead.code)}`;
    if (!(await isData(shown)) && !(await isData(target))) return { note };
    const hint = `bring back what it leads to (a disk may not be mounted), or remove the link if the ${noun} is not needed any more`;
    return { note, fault: { message: note, hint, isMissing: true } };
  }
  if (lead.where !== 'outside') {
    const through = lead.where === 'own' ? textOf(lead.through ?? '') : '';
    return {
      note: `the link \`${shown}\` leads through \`${through}\`, which lies outside of \`${path}\`, back into it`,
    };
  }
  const target = textOf(lead.path);
  const leads = `the link \`${shown}\` leads to \`${target}\`, outside of \`${path}\``;
  if (lead.type === 'file') {
    if (!(await isData(shown)) && !(await isData(target))) return { note: leads };
    const hint = `move \`${target}\` to where the link is, make \`${dirname(target)}\` the path of a component of kind \`${kind}\`, or remove the link`;
    return {
      note: leads,
      fault: { message: `${leads}: the ${noun} would be in no recovery point`, hint, isMissing: false },
    };
  }
  const { found, unseen } = await lookBehind(lead.path, async (each) => isData(textOf(each)), ground);
  if (found === undefined)
    return { note: unseen === undefined ? leads : `${leads}, and was not looked through: ${unseen}` };
  const message = `${leads}, where \`${textOf(found)}\` lies: it would be in no recovery point`;
  const hint = `make \`${target}\` the path of a component of kind \`${kind}\`, move \`${target}\` to where the link is, or remove the link`;
  return { note: leads, fault: { message, hint, isMissing: false } };
}

/** Precondition: a recovery point would lack data and look whole. */
export function refuseFaults({ faults }: Pick<FolderLinks, 'faults'>, component: string): void {
  const [first] = faults;
  if (first === undefined) return;
  const more =
    faults.length === 1 ? '' : `; so it is with ${plural(faults.length - 1, 'other link')}, which doctor names`;
  throw new LifeboatError('Precondition', `${first.message}${more}`, { component, hint: first.hint });
}

/** What `doctor` says: a failure for each link that hides data, and one warning for all others that lead out. */
export function findingsOfLinks({ faults, lacks }: FolderLinks, component: string): Finding[] {
  const name = `${component}: links`;
  const found = faults.map(({ message, hint }): Finding => ({ name, level: 'fail', text: message, hint }));
  if (lacks.length === 0) return found;
  const shown = lacks.slice(0, maxShown).map(({ note }) => note);
  const more = lacks.length > shown.length ? [`and ${lacks.length - shown.length} more`] : [];
  return [
    ...found,
    {
      name,
      level: 'warn',
      text: `what lies behind ${plural(lacks.length, 'link')} is in no recovery point: ${[...shown, ...more].join('; ')}`,
      hint: `nothing is to be done where \`${component}\` can do without; else make it a path of a component`,
    },
  ];
}

const maxShown = 5;

function absence(code: string): string {
  if (code === 'ELOOP') return 'in a circle';
  return code === 'ENOENT' || code === 'ENOTDIR' ? 'which is not there' : `which cannot be looked at (${code})`;
}
