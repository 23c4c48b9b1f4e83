/**
 * Looks for tablespaces that were made or dropped within the WAL of a base backup. Capture compares the lists before
 * and after; this sees also one that came and went in between. Replaying it would touch a live folder.
 */
import { LifeboatError } from '../../../domain/errors.ts';
import type { SealedFacts } from '../facts.ts';
import type { ServerPrograms } from '../server/programs.ts';

export const waldump = 'pg_waldump';

/** What people are told where the installation has no pg_waldump; undefined where it has. */
export async function lacksWaldump(programs: ServerPrograms): Promise<string | undefined> {
  return (await programs.has(waldump))
    ? undefined
    : `\`${programs.folder}/${waldump}\` is missing: nobody looked whether the WAL of the recovery point makes or drops a tablespace`;
}

/** Precondition if there is such a record, ValidationFailed if the WAL cannot be read. Nothing where it `lacksWaldump`. */
export async function refuseTablespaceRecords(
  programs: ServerPrograms,
  walFolder: string,
  facts: SealedFacts,
  component: string,
): Promise<void> {
  if ((await lacksWaldump(programs)) !== undefined) return;
  const range = ['--timeline', `${facts.timeline}`, '--start', facts.startLsn, '--end', facts.stopLsn];
  const args = ['--path', walFolder, '--rmgr', 'Tablespace', ...range];
  const { exitCode, stdout, stderr } = await programs.run(waldump, args);
  if (exitCode !== 0)
    throw new LifeboatError('ValidationFailed', `the staged WAL cannot be read: ${stderr.trim()}`, { component });
  const record = /desc: (.*)$/m.exec(stdout)?.[1];
  if (record === undefined) return;
  throw new LifeboatError('Precondition', `the WAL of the recovery point changes a tablespace: ${record}`, {
    component,
    hint: 'choose another recovery point: replaying this one would write into the live tablespace',
  });
}
