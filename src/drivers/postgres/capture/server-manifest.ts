/** Compares what was received, or is stored, with the manifest that the server wrote about it. */
import { createHash } from 'node:crypto';
import { LifeboatError } from '../../../domain/errors.ts';
import { parseLsn, walFilesBetween } from '../../../domain/lsn.ts';
import { parseJson } from '../../../json/parse-json.ts';
import { isLeftover } from './receive.ts';
import type { Received } from './receive.ts';

export interface ServerManifest {
  readonly Files: readonly { readonly Path?: string; readonly 'Encoded-Path'?: string; readonly Size: number }[];
  readonly 'WAL-Ranges'?: readonly {
    readonly Timeline: number;
    readonly 'Start-LSN': string;
    readonly 'End-LSN': string;
  }[];
}

/** A file that is not as it must be. Undefined bytes: not there, or not to be there. */
export interface WrongFile {
  readonly path: string;
  readonly expectedBytes: number | undefined;
  readonly actualBytes: number | undefined;
}

export interface WalRange {
  readonly timeline: number;
  readonly startLsn: string;
  readonly stopLsn: string;
}

/** Sizes by path, as they are in a component. */
export type Sizes = ReadonlyMap<string, number>;

const checksumLine = /\n"Manifest-Checksum": "([0-9a-f]{64})"\}\n?$/;

/** SyntaxError where it is not whole: its last line has the SHA-256 of all before it. */
export function parseServerManifest(bytes: Buffer): ServerManifest {
  const end = checksumLine.exec(bytes.toString('latin1', Math.max(bytes.length - 200, 0)));
  if (end === null) throw new SyntaxError('it breaks off before its checksum');
  const covered = bytes.subarray(0, bytes.length - end[0].length + 1);
  if (createHash('sha256').update(covered).digest('hex') !== end[1]) throw new SyntaxError('its checksum is another');
  return parseJson(bytes.toString('utf8')) as ServerManifest;
}

/** Files that are missing, surplus or of another size. WAL is not in the server's manifest. */
export function* wrongFiles(files: Sizes, manifest: ServerManifest): Generator<WrongFile, void> {
  const announced = new Set<string>();
  for (const file of manifest.Files) {
    const path = file.Path ?? Buffer.from(file['Encoded-Path'] ?? '', 'hex').toString('utf8');
    if (isLeftover(path)) continue;
    announced.add(path);
    const actualBytes = files.get(path);
    if (actualBytes !== file.Size) yield { path, expectedBytes: file.Size, actualBytes };
  }
  for (const [path, actualBytes] of files) {
    if (!announced.has(path) && !path.startsWith('pg_wal/')) yield { path, expectedBytes: undefined, actualBytes };
  }
}

/** Segments between start and stop that are not there whole. */
export function* wrongSegments(files: Sizes, range: WalRange, segmentBytes: number): Generator<WrongFile, void> {
  const names = walFilesBetween(range.timeline, parseLsn(range.startLsn), parseLsn(range.stopLsn), segmentBytes);
  for (const name of names) {
    const path = `pg_wal/${name}`;
    const actualBytes = files.get(path);
    if (actualBytes !== segmentBytes) yield { path, expectedBytes: segmentBytes, actualBytes };
  }
}

/** EngineFailed names the first file that is missing, surplus or of another size. */
export function compareWithManifest(received: Received, component: string): void {
  const manifest = parseJson(received.manifest.toString('utf8')) as ServerManifest;
  const [wrong] = wrongFiles(received.files, manifest);
  if (wrong === undefined) return;
  throw new LifeboatError('EngineFailed', `the base backup is not whole: ${describeWrong(wrong)}`, { component });
}

/** EngineFailed names the first segment between start and stop that did not come whole. */
export function compareWal(received: Received, range: WalRange, segmentBytes: number, component: string): void {
  const [wrong] = wrongSegments(received.files, range, segmentBytes);
  if (wrong === undefined) return;
  const name = wrong.path.slice('pg_wal/'.length);
  throw new LifeboatError(
    'EngineFailed',
    `the base backup lacks WAL: segment \`${name}\` has ${wrong.actualBytes ?? 'no'} of ${segmentBytes} bytes`,
    { component },
  );
}

function describeWrong({ path, expectedBytes, actualBytes }: WrongFile): string {
  if (actualBytes === undefined) return `\`${path}\` did not come`;
  if (expectedBytes === undefined) return `\`${path}\` is not in the server's manifest`;
  return `\`${path}\` has ${actualBytes} bytes, the server's manifest says ${expectedBytes}`;
}
