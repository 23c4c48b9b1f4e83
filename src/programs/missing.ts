/** Why a program could not be started. */
import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

/**
 * True where the program is on no folder of PATH (or not at its path), given the system's code for the failed start. ENOENT
 * says so; but one folder that this user may not look into turns it into EACCES, whatever the others hold.
 */
export async function isMissing(program: string, code: string | undefined): Promise<boolean> {
  if (code === 'ENOENT') return true;
  if (code !== 'EACCES' || program.includes('/')) return false;
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const seen = await Promise.all(folders.map(async (folder) => isThere(join(folder, program))));
  return !seen.includes(true);
}

/** The system's code in words that say what to do. */
export async function startProblem(program: string, code: string | undefined): Promise<string> {
  if (await isMissing(program, code))
    return program.includes('/') ? `\`${program}\` is not there` : `\`${program}\` is in no folder of PATH`;
  return code === 'EACCES' ? `\`${program}\` may not be run by this user` : (code ?? 'it could not be run');
}

async function isThere(path: string): Promise<boolean> {
  return access(path, constants.F_OK).then(
    () => true,
    () => false,
  );
}
