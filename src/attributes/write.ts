/** Gives restored files and folders their attributes, many at once, and looks whether they have them. */
import { chmod } from 'node:fs/promises';
import type { Attributes } from '../domain/attributes.ts';
import { formatDump } from './dump.ts';
import { attributeKey, readAttributes } from './read.ts';
import { runTool } from './tools.ts';

export interface AttributeTarget {
  /** Absolute. */
  readonly path: Buffer;
  readonly attributes: Attributes;
  /** Permission bits, if the path has them already. They come back afterwards. */
  readonly mode?: number;
}

export interface AttributesRefused {
  /** Names, one for each path. */
  readonly names: readonly string[];
  /** The system's reasons, each once. */
  readonly reasons: readonly string[];
}

const readWrite = 0o600;

/** What was refused is an answer, not an error: the restore goes on, and the caller tells. */
export async function writeAttributes(targets: readonly AttributeTarget[]): Promise<AttributesRefused> {
  if (targets.length === 0) return { names: [], reasons: [] };
  // An owner who may not write a file may not write its `user.*` either.
  const closed = targets.filter(({ mode }) => mode !== undefined && (mode & readWrite) !== readWrite);
  for (const { path, mode = 0 } of closed) await chmod(path, mode | readWrite);
  const dump = formatDump(targets.map(({ path, attributes }) => ({ path, attributes: inOrder(attributes) })));
  const { errors } = await runTool('setfattr', ['-h', '--restore=-'], dump);
  const { found } = await readAttributes(targets.map(({ path }) => path));
  for (const { path, mode = 0 } of closed) await chmod(path, mode);
  const names = targets.flatMap(({ path, attributes }) => {
    const there = found.get(attributeKey(path))?.carried ?? {};
    return Object.keys(attributes).filter((name) => there[name] !== attributes[name]);
  });
  return { names, reasons: [...new Set(errors.map(reasonOf))] };
}

/** An ACL may take the right to write from the owner: it comes last. */
function inOrder(attributes: Attributes): Attributes {
  const isAcl = (name: string): number => (name.startsWith('system.') ? 1 : 0);
  return Object.fromEntries(Object.entries(attributes).toSorted(([a], [b]) => isAcl(a) - isAcl(b)));
}

function reasonOf(line: string): string {
  return line.slice(line.lastIndexOf(': ') + 2);
}

/** ACLs that a folder took over from the one above it, and would hand on to everything that is made in it. */
export async function shedInheritedAcls(folder: string): Promise<void> {
  // One child for both: a process that holds much memory takes long to start another one.
  const each = 'for name; do setfattr -h -x "$name" -- "$0"; done; :';
  const names = ['system.posix_acl_default', 'system.posix_acl_access'];
  await runTool('sh', ['-c', each, folder, ...names], new Uint8Array()).catch(() => undefined);
}
