/**
 * The document texts beside the index, as a pickled Python list of strings (protocol 2), which is what the appliance's
 * framework keeps there. Written and read in exactly this form: nothing is ever executed, as unpickling would.
 */

const begin = Buffer.from([0x80, 0x02, 0x5d, 0x28]); // PROTO 2, EMPTY_LIST, MARK
const end = Buffer.from([0x65, 0x2e]); // APPENDS, STOP
const unicode = 0x58; // BINUNICODE: 32-bit length, UTF-8

export function encodeLines(lines: readonly string[]): Buffer {
  const items = lines.map((line) => {
    const text = Buffer.from(line);
    const head = Buffer.alloc(5);
    head.writeUInt8(unicode);
    head.writeUInt32LE(text.length, 1);
    return Buffer.concat([head, text]);
  });
  return Buffer.concat([begin, ...items, end]);
}

/** RangeError for any other pickle. */
export function decodeLines(bytes: Buffer): string[] {
  if (!bytes.subarray(0, begin.length).equals(begin)) throw new RangeError('not a pickled list of strings');
  const lines: string[] = [];
  let at = begin.length;
  while (bytes[at] === unicode) {
    const length = bytes.readUInt32LE(at + 1);
    lines.push(bytes.toString('utf8', at + 5, at + 5 + length));
    at += 5 + length;
  }
  if (!bytes.subarray(at).equals(end))
    throw new RangeError(`not a pickled list of strings: unknown content at byte ${at}`);
  return lines;
}
