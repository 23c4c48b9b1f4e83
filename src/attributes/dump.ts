/**
 * The text in which `getfattr` tells and `setfattr` takes attributes: a line with the path, a line for each attribute,
 * an empty line. Bytes stand as they are, but for a few that are written as three octal digits; so everything here is
 * latin1, which keeps every byte.
 */
import type { Attributes } from '../domain/attributes.ts';

const pathMark = '# file: ';

/** Names are UTF-8 in `attributes`. */
export function formatDump(entries: readonly { readonly path: Buffer; readonly attributes: Attributes }[]): Buffer {
  const blocks = entries.map(({ path, attributes }) => {
    const lines = Object.entries(attributes).map(([name, value]) => {
      // `setfattr` 2.5 passes over a `0s` with nothing behind it, without a word.
      return `${quote(Buffer.from(name).toString('latin1'))}${value === '' ? '' : `=0s${value}`}\n`;
    });
    return `${pathMark}${quote(path.toString('latin1'))}\n${lines.join('')}\n`;
  });
  return Buffer.from(blocks.join(''), 'latin1');
}

/** Path to name to value in base64; paths and names in latin1. */
export function parseDump(dump: Uint8Array): Map<string, Map<string, string>> {
  const found = new Map<string, Map<string, string>>();
  let current: Map<string, string> | undefined;
  for (const line of Buffer.from(dump.buffer, dump.byteOffset, dump.length).toString('latin1').split('\n')) {
    if (line.startsWith(pathMark)) {
      current = new Map();
      found.set(unquote(line.slice(pathMark.length)), current);
      continue;
    }
    const [, name, value = ''] = /^([^=]+)(?:=0s(.*))?$/.exec(line) ?? [];
    if (name !== undefined) current?.set(unquote(name), value);
  }
  return found;
}

function quote(text: string): string {
  return text.replace(/[\\\n\r=]/g, (found) => `\\${found.charCodeAt(0).toString(8).padStart(3, '0')}`);
}

function unquote(text: string): string {
  return text.replace(/\\([0-3][0-7]{2})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
