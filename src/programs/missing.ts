/** Why a program could not be started. */
import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

/**
 * True where the program is on no folder of PATH (or not at its path), given the system's code for the failed start. One folder
 * that this user may not look into turns ENOENT into EACCES, and ENOENT may mean the interpreter of a script.
 */
export async function isMissing(program: string, code: string | undefined): Promise<boolean> {
  return (code === 'ENOENT' || code === 'EACCES') && !(await isFound(program));
}

/** The system's code in words that say what to do. */
export async function startProblem(program: string, code: string | undefined): Promise<string> {
  if (await isMissing(program, code))
    return program.includes('/') ? `\`${program}\` is not there` : `\`${program}\` is in no folder of PATH`;
  if (code === 'ENOENT') return `what \`${program}\` needs to run is not there (the program in its first line)`;
  return code === 'EACCES' ? `\`${program}\` may not be run by this user` : (code ?? 'it could not be run');
}

async function isFound(program: string): Promise<boolean> {
  const folders = program.includes('/') ? [''] : (process.env['PATH'] ?? '').split(delimiter);
  const seen = await Promise.all(folders.map(async (folder) => isThere(join(folder, program))));
  return seen.includes(true);
}

async function isThere(path: string): Promise<boolean> {
  return access(path, constants.F_OK).then(
    () => true,
    () => false,
  );
}
