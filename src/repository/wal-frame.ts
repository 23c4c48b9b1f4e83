/** The sealed frame of archived WAL: a line of JSON that says who wrote it and under which name, then the bytes. */
import { LifeboatError } from '../domain/errors.ts';
import { parseJson } from '../json/parse-json.ts';
import { digestOfContent, frameKinds, frameOverhead, type Opener, type Sealer } from './frame.ts';
import { layout } from './layout.ts';

/** WAL compresses well at any level; a higher one would cost the database's host more than it saves. */
const zstdLevel = 1;

export const coverageName = 'coverage.json';

export interface WalHeader {
  readonly component: string;
  readonly systemId: string;
  /** As in the key. */
  readonly name: string;
  readonly until: string;
}

export function sealWal(sealer: Sealer, header: WalHeader, bytes: Uint8Array): Buffer {
  const line = Buffer.from(`${JSON.stringify(header)}\n`);
  const plain = Buffer.concat([line, bytes]);
  const into = Buffer.allocUnsafe(plain.length + frameOverhead);
  const length = sealer.seal(
    { kind: frameKinds.wal, plain, digest: digestOfContent(frameKinds.wal, plain), level: zstdLevel },
    into,
    0,
  );
  return into.subarray(0, length);
}

/** What a frame says of itself, and the rest of it. ObjectCorrupt. */
export function openWal(
  opener: Opener,
  key: string,
  frame: Uint8Array,
): { readonly header: WalHeader; readonly bytes: Buffer } {
  let plain: Buffer;
  try {
    plain = opener.open(frame, frameKinds.wal);
  } catch (error) {
    // What a newer version wrote is no damage.
    if (!(error instanceof LifeboatError) || error.code === 'FormatTooNew') throw error;
    throw new LifeboatError('ObjectCorrupt', `${key} ${error.message}`, { cause: error });
  }
  const end = plain.indexOf(0x0a);
  try {
    return { header: parseJson(plain.toString('utf8', 0, end)) as WalHeader, bytes: plain.subarray(end + 1) };
  } catch (error) {
    throw new LifeboatError('ObjectCorrupt', `${key} does not begin with its description`, { cause: error });
  }
}

/** ObjectCorrupt where a stored piece or history is not what was sealed under this key. */
export function authenticateWal(key: string, bytes: Uint8Array, opener: Opener): void {
  const { component, systemId, name } = openWal(opener, key, bytes).header;
  if (!key.startsWith(layout.walOf(component, systemId)) || !key.endsWith(`/${name}`))
    throw new LifeboatError('ObjectCorrupt', `${key} holds ${name} of system ${systemId}`);
}
