/** The file of --json. It is opened before anything is seeded, so that no demo ends with a result that it cannot leave. */
import { fstatSync, ftruncateSync, openSync, writeFileSync } from 'node:fs';
import { LifeboatError } from '../../domain/errors.ts';
import type { DemoOptions } from './options.ts';

export interface ResultFile {
  /** Takes the place of what the file held. */
  write(result: object): void;
}

export function openResultFile({
  json,
  jsonDescriptor,
}: Pick<DemoOptions, 'json' | 'jsonDescriptor'>): ResultFile | undefined {
  if (json === undefined) return undefined;
  const descriptor = jsonDescriptor ?? saying(json, () => openSync(json, 'a'));
  // A pipe cannot be emptied, and gets the one result only.
  const isFile = fstatSync(descriptor).isFile();
  const write = (result: object): void =>
    saying(json, () => {
      if (isFile) ftruncateSync(descriptor);
      writeFileSync(descriptor, `${JSON.stringify(result, null, 2)}\n`);
    });
  // A demo that is killed must not leave the good result of an earlier one.
  if (isFile) write({ ok: false, error: 'the demo has not ended' });
  return { write };
}

function saying<T>(path: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new LifeboatError('InputInvalid', `--json: \`${path}\` cannot be written: ${code}`, {
      hint: 'name a file that you may write, in a folder that exists, on a disk that has room',
      cause: error,
    });
  }
}
