/** Compares what was received with the manifest that the server wrote about it. */
import { LifeboatError } from '../../domain/errors.ts';
import { parseLsn, walFilesBetween } from './lsn.ts';
import { isLeftover } from './receive.ts';
import type { Received } from './receive.ts';

interface ServerManifest {
  readonly Files: readonly { readonly Path?: string; readonly 'Encoded-Path'?: string; readonly Size: number }[];
}

/** EngineFailed names the first file that is missing, surplus or of another size. WAL is not in the server's manifest. */
export function compareWithManifest(received: Received, component: string): void {
  const manifest = JSON.parse(received.manifest.toString('utf8')) as ServerManifest;
  const failed = (text: string) =>
    new LifeboatError('EngineFailed', `the base backup is not whole: ${text}`, { component });
  const announced = new Set<string>();
  for (const file of manifest.Files) {
    const path = file.Path ?? Buffer.from(file['Encoded-Path'] ?? '', 'hex').toString('utf8');
    if (isLeftover(path)) continue;
    announced.add(path);
    const size = received.files.get(path);
    if (size === undefined) throw failed(`\`${path}\` did not come`);
    if (size !== file.Size) throw failed(`\`${path}\` has ${size} bytes, the server's manifest says ${file.Size}`);
  }
  for (const path of received.files.keys()) {
    if (!announced.has(path) && !path.startsWith('pg_wal/'))
      throw failed(`\`${path}\` is not in the server's manifest`);
  }
}

/** EngineFailed names the first segment between start and stop that did not come whole. */
export function compareWal(
  received: Received,
  range: { readonly timeline: number; readonly startLsn: string; readonly stopLsn: string },
  segmentBytes: number,
  component: string,
): void {
  const names = walFilesBetween(range.timeline, parseLsn(range.startLsn), parseLsn(range.stopLsn), segmentBytes);
  for (const name of names) {
    const size = received.files.get(`pg_wal/${name}`);
    if (size !== segmentBytes) {
      throw new LifeboatError(
        'EngineFailed',
        `the base backup lacks WAL: segment \`${name}\` has ${size ?? 'no'} of ${segmentBytes} bytes`,
        { component },
      );
    }
  }
}
