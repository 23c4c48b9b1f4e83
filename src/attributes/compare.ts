/** Have files and folders the attributes that they had at their capture? */
import { lstat, readFile } from 'node:fs/promises';
import { capability, kindOfAttribute, type Attributes } from '../domain/attributes.ts';
import { attributeKey, readAttributes } from './read.ts';
import { runForPaths } from './tools.ts';

export interface ExpectedAttributes {
  /** Absolute. */
  readonly path: Buffer;
  readonly attributes: Attributes;
}

export interface AttributeComparison {
  readonly same: number;
  /** Absent ones that this process may not set, or that the file system cannot hold. */
  readonly unheld: readonly string[];
  /** For each path, in the order given, what is absent or has another value. */
  readonly lost: readonly (readonly { readonly name: string; readonly isAbsent: boolean }[])[];
}

export async function compareAttributes(expected: readonly ExpectedAttributes[]): Promise<AttributeComparison> {
  const { found } = await readAttributes(expected.map(({ path }) => path));
  const holds = memory();
  const unheld: string[] = [];
  let same = 0;
  const lost: { name: string; isAbsent: boolean }[][] = [];
  for (const { path, attributes } of expected) {
    const there = found.get(attributeKey(path))?.carried ?? {};
    const missing: { name: string; isAbsent: boolean }[] = [];
    for (const [name, value] of Object.entries(attributes)) {
      const isAbsent = there[name] === undefined;
      if (there[name] === value) same += 1;
      else if (isAbsent && !(await holds(path, name))) unheld.push(name);
      else missing.push({ name, isAbsent });
    }
    lost.push(missing);
  }
  return { same, unheld, lost };
}

/** Could this attribute stand there at all? Asked once for each kind and file system. */
function memory(): (path: Buffer, name: string) => Promise<boolean> {
  const known = new Map<string, boolean>();
  return async (path, name) => {
    const kind = kindOfAttribute(name);
    const device = (await lstat(path).catch(() => undefined))?.dev;
    // What is not there at all is lost, whatever its file system.
    if (device === undefined) return true;
    const key = `${device} ${kind}`;
    const answer = known.get(key) ?? (name === capability ? await maySetCapabilities() : await isSupported(path, kind));
    known.set(key, answer);
    return answer;
  };
}

async function isSupported(path: Buffer, kind: string): Promise<boolean> {
  const name = kind.replace('*', 'lifeboat');
  const { errors } = await runForPaths(['getfattr', '-h', '--absolute-names', '-n', name, '--'], [path]);
  return !errors.some((line) => line.endsWith(': Operation not supported'));
}

/** CAP_SETFCAP, which root in a container may lack. */
async function maySetCapabilities(): Promise<boolean> {
  const status = await readFile('/proc/self/status', 'latin1').catch(() => '');
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1];
  return effective === undefined ? process.getuid?.() === 0 : ((BigInt(`0x${effective}`) >> 31n) & 1n) === 1n;
}
