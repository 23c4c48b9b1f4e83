import { readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { LifeboatError } from '../../domain/errors.ts';

export interface OsUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

/** Looks a user up by name in the local account file. Precondition when the machine has no such user. */
export async function findOsUser(name: string): Promise<OsUser> {
  const self = userInfo();
  if (self.username === name) return { name, uid: self.uid, gid: self.gid, home: self.homedir };
  const accounts = await readFile('/etc/passwd', 'utf8');
  const fields = accounts
    .split('\n')
    .map((line) => line.split(':'))
    .find(([account]) => account === name);
  if (fields === undefined) {
    throw new LifeboatError('Precondition', `there is no user \`${name}\` on this machine`, {
      hint: `create it with \`useradd --system ${name}\``,
    });
  }
  return { name, uid: Number(fields[2]), gid: Number(fields[3]), home: fields[5] ?? '/' };
}
