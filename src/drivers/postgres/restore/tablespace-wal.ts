/**
 * Looks for tablespaces that were made or dropped within the WAL of a base backup. Capture compares the lists before
 * and after; this sees also one that came and went in between. Replaying it would touch a live folder.
 */
import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { LifeboatError } from '../../../domain/errors.ts';
import type { SealedFacts } from '../facts.ts';

const run = promisify(execFile);

/** What people are told where the installation has no pg_waldump; undefined where it has. */
export async function lacksWaldump(binDirectory: string): Promise<string | undefined> {
  const program = waldumpOf(binDirectory);
  const isThere = await access(program, constants.X_OK).then(
    () => true,
    () => false,
  );
  return isThere
    ? undefined
    : `\`${program}\` is missing: nobody looked whether the WAL of the recovery point makes or drops a tablespace`;
}

/** Precondition if there is such a record, ValidationFailed if the WAL cannot be read. Nothing where it `lacksWaldump`. */
export async function refuseTablespaceRecords(
  binDirectory: string,
  walFolder: string,
  facts: SealedFacts,
  component: string,
): Promise<void> {
  if ((await lacksWaldump(binDirectory)) !== undefined) return;
  const range = ['--timeline', `${facts.timeline}`, '--start', facts.startLsn, '--end', facts.stopLsn];
  const args = ['--path', walFolder, '--rmgr', 'Tablespace', ...range];
  const { stdout } = await run(waldumpOf(binDirectory), args, { env: { LC_ALL: 'C' } }).catch((error: unknown) => {
    const text = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : String(error);
    throw new LifeboatError('ValidationFailed', `the staged WAL cannot be read: ${text}`, { component, cause: error });
  });
  const record = /desc: (.*)$/m.exec(stdout)?.[1];
  if (record === undefined) return;
  throw new LifeboatError('Precondition', `the WAL of the recovery point changes a tablespace: ${record}`, {
    component,
    hint: 'choose another recovery point: replaying this one would write into the live tablespace',
  });
}

export function waldumpOf(binDirectory: string): string {
  return join(binDirectory, 'pg_waldump');
}
