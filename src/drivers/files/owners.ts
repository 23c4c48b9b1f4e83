/** User and group names of this host. A restored file goes to the recorded name where it exists, else to the number. */
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { EntryMeta } from '../../domain/entry.ts';

export interface Owners {
  names(uid: number, gid: number): { readonly user?: string; readonly group?: string };
  /** Numbers on this host for a recorded owner. */
  resolve(entry: Pick<EntryMeta, 'uid' | 'gid' | 'user' | 'group'>): { readonly uid: number; readonly gid: number };
}

// A minimal container has neither: then there are numbers only.
const [usersFile, groupsFile] = ['/etc/passwd', '/etc/group'];

export async function readOwners(): Promise<Owners> {
  const read = async (path: string): Promise<string> => readFile(path, 'utf8').catch(() => '');
  const [users, groups] = await Promise.all([read(usersFile), read(groupsFile)]);
  return ownersOf(users, groups);
}

/** For threads. */
export function readOwnersSync(): Owners {
  const read = (path: string): string => {
    try {
      return readFileSync(path, 'utf8');
    } catch {
      return '';
    }
  };
  return ownersOf(read(usersFile), read(groupsFile));
}

function ownersOf(usersText: string, groupsText: string): Owners {
  const [users, groups] = [tableOf(usersText), tableOf(groupsText)];
  return {
    names(uid, gid) {
      const user = users.nameOf.get(uid);
      const group = groups.nameOf.get(gid);
      return { ...(user === undefined ? {} : { user }), ...(group === undefined ? {} : { group }) };
    },
    resolve: ({ uid, gid, user, group }) => ({
      uid: (user === undefined ? undefined : users.idOf.get(user)) ?? uid,
      gid: (group === undefined ? undefined : groups.idOf.get(group)) ?? gid,
    }),
  };
}

function tableOf(text: string): { nameOf: Map<number, string>; idOf: Map<string, number> } {
  const nameOf = new Map<number, string>();
  const idOf = new Map<string, number>();
  for (const line of text.split('\n')) {
    const [name, , id] = line.split(':');
    if (name === undefined || id === undefined || !/^\d+$/.test(id)) continue;
    if (!nameOf.has(Number(id))) nameOf.set(Number(id), name);
    if (!idOf.has(name)) idOf.set(name, Number(id));
  }
  return { nameOf, idOf };
}
