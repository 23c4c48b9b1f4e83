/** The file of --json, of demo and benchmark. It is opened before anything is seeded, so that nothing ends with a result that it cannot leave. */
import { fstatSync, ftruncateSync, openSync, writeFileSync } from 'node:fs';
import { LifeboatError } from '../domain/errors.ts';

export interface ResultFile {
  /** Takes the place of what the file held. */
  write(result: object): void;
}

export interface ResultPlace {
  readonly json: string | undefined;
  /** Set-up opened the file of --json already, with the rights of its caller. */
  readonly jsonDescriptor: number | undefined;
}

/** Undefined where no file is named. `what` is what has not ended while the file says so. */
export function openResultFile({ json, jsonDescriptor }: ResultPlace, what: string): ResultFile | undefined {
  if (json === undefined) return undefined;
  const descriptor = jsonDescriptor ?? saying(json, () => openSync(json, 'a'));
  // A pipe cannot be emptied, and gets the one result only.
  const isFile = fstatSync(descriptor).isFile();
  const write = (result: object): void =>
    saying(json, () => {
      if (isFile) ftruncateSync(descriptor);
      writeFileSync(descriptor, `${JSON.stringify(result, null, 2)}\n`);
    });
  // What is killed must not leave the good result of an earlier run.
  if (isFile) write({ ok: false, error: `${what} has not ended` });
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
