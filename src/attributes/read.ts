/** Reads the attributes of files and folders, many at once. */
import { attributeBytes, isCarried, isOfHost, sizeOfAttribute, type Attributes } from '../domain/attributes.ts';
import { parseDump } from './dump.ts';
import { runForPaths } from './tools.ts';

/** Paths that are read, or written, in one go. */
export const pathsAtOnce = 8000;

export interface FoundAttributes {
  readonly carried: Attributes;
  /** Names of attributes that no backup carries, but for those that a host's policy gives. */
  readonly leftOut: readonly string[];
}

export interface AttributeReading {
  /** By `attributeKey`; a path without attributes is absent. */
  readonly found: ReadonlyMap<string, FoundAttributes>;
  /** Messages about paths that could not be read. */
  readonly unread: readonly string[];
}

export function attributeKey(path: Buffer): string {
  return path.toString('latin1');
}

/** Absolute paths. No link is followed. A path that is gone has no attributes, nor has one whose file system knows none. */
export async function readAttributes(paths: readonly Buffer[]): Promise<AttributeReading> {
  const found = new Map<string, FoundAttributes>();
  if (paths.length === 0) return { found, unread: [] };
  const all = ['-m', '-', '-d', '-e', 'base64'];
  const { stdout, errors } = await runForPaths(['getfattr', '-h', '--absolute-names', ...all, '--'], paths);
  for (const [key, values] of parseDump(stdout)) found.set(key, chosenOf(values));
  return { found, unread: errors.filter((line) => !isAbsence(line)) };
}

function chosenOf(values: ReadonlyMap<string, string>): FoundAttributes {
  const carried: Record<string, string> = {};
  const leftOut: string[] = [];
  let bytes = 0;
  for (const bare of [...values.keys()].toSorted()) {
    const value = values.get(bare) ?? '';
    const name = Buffer.from(bare, 'latin1').toString();
    const isText = Buffer.from(name).toString('latin1') === bare;
    const size = sizeOfAttribute(name, value);
    if (isText && isCarried(name) && bytes + size <= attributeBytes) {
      carried[name] = value;
      bytes += size;
    } else if (!isOfHost(name)) leftOut.push(name);
  }
  return { carried, leftOut };
}

/** Between listing and looking a file, or an attribute, may go. */
function isAbsence(line: string): boolean {
  return /: (?:No such file or directory|Not a directory|No such attribute|No data available|Operation not supported)$/.test(
    line,
  );
}
