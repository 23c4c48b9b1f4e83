/** Whom restored files belong to. */
import { readFile } from 'node:fs/promises';
import type { EntryMeta } from '../../domain/entry.ts';
import type { MaterializeOptions } from '../repository.ts';

export type OwnerOf = (entry: EntryMeta) => { readonly uid: number; readonly gid: number } | undefined;

/** A recorded name is looked up on this host first: numbers differ between machines. */
export async function ownerRule(owner: MaterializeOptions['owner']): Promise<OwnerOf> {
  if (owner === undefined || owner === 'self') return () => undefined;
  if (owner !== 'recorded') return () => owner;
  const users = await idsByName('/etc/passwd');
  const groups = await idsByName('/etc/group');
  return ({ uid, gid, user, group }) => ({ uid: users.get(user ?? '') ?? uid, gid: groups.get(group ?? '') ?? gid });
}

async function idsByName(file: string): Promise<ReadonlyMap<string, number>> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const ids = new Map<string, number>();
  for (const line of text.split('\n')) {
    const [name, , id] = line.split(':');
    if (name !== undefined && name !== '' && /^\d+$/.test(id ?? '')) ids.set(name, Number(id));
  }
  return ids;
}
