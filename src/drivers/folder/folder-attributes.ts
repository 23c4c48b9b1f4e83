/** Attributes of a component that is one folder: of what lies in it, and of itself. */
import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { attributeToolsHint, missingAttributeTools } from '../../attributes/tools.ts';
import { writeAttributes } from '../../attributes/write.ts';
import { faultOfAttributes } from '../../domain/attributes.ts';
import type { IndexEntry } from '../../domain/entry.ts';
import { LifeboatError } from '../../domain/errors.ts';
import type { ProbeResult } from '../../domain/recovery-point.ts';
import type { AttributeCapture } from '../attributes/capture.ts';
import { AttributeProbes } from '../attributes/probes.ts';
import type { RestoreContext } from '../driver.ts';
import { ownerOf, type FolderEntry, type FolderOwner } from './walk-folder.ts';

/** The entries with what they have; links have none that are carried. */
export async function entriesWithAttributes(
  attributes: AttributeCapture,
  root: string,
  entries: readonly FolderEntry[],
): Promise<FolderEntry[]> {
  const found = attributes.addTo(
    entries,
    ({ meta }) => (meta.type === 'symlink' ? undefined : Buffer.from(join(root, meta.path))),
    (entry, xattrs): FolderEntry =>
      entry.kind === 'file'
        ? { ...entry, meta: { ...entry.meta, xattrs } }
        : { ...entry, meta: { ...entry.meta, xattrs } },
  );
  const all: FolderEntry[] = [];
  for await (const entry of found) all.push(entry);
  return all;
}

export async function ownerWithAttributes(attributes: AttributeCapture, root: string): Promise<FolderOwner> {
  return { ...(await ownerOf(root)), ...(await attributes.of(Buffer.from(await realpath(root)))) };
}

/** Gives the folder itself its attributes; what could not be given back, in words. ManifestInvalid for what no capture writes. */
export async function giveOwnAttributes(folder: string, { xattrs }: FolderOwner, component: string): Promise<string[]> {
  if (xattrs === undefined) return [];
  const fault = faultOfAttributes(xattrs);
  if (fault !== undefined)
    throw new LifeboatError('ManifestInvalid', `the attributes of the captured folder ${fault}`, { component });
  const missing = await missingAttributeTools();
  const { names, reasons } =
    missing === undefined
      ? await writeAttributes([{ path: Buffer.from(folder), attributes: xattrs }])
      : { names: Object.keys(xattrs), reasons: [`${missing} (${attributeToolsHint})`] };
  return names.length === 0 ? [] : [`the folder itself lacks ${names.join(', ')}: ${reasons.join('; ')}`];
}

/** The folder itself, and everything in it that `wanted` accepts. */
export async function compareFolderAttributes(
  { repository, record, signal }: RestoreContext,
  root: string,
  owner: FolderOwner,
  wanted: (entry: IndexEntry) => boolean = () => true,
): Promise<ProbeResult[]> {
  const probes = new AttributeProbes(record.id);
  await probes.add('the folder', Buffer.from(await realpath(root).catch(() => root)), owner.xattrs);
  for await (const entry of repository.readIndex(record.indexId, signal)) {
    if (wanted(entry))
      await probes.add(`${entry.type} ${entry.path}`, Buffer.from(join(root, entry.path)), entry.xattrs);
  }
  return probes.results();
}
