/** The server programs of a major version on this host: a data directory opens with its own major only. */
import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import type { PostgresConfig } from '../../../domain/appliance.ts';
import { LifeboatError } from '../../../domain/errors.ts';

const run = promisify(execFile);

/** Folder with `postgres` of exactly this major. VersionMismatch names what is missing and what is there instead. */
export async function findBinaries(config: PostgresConfig, major: number): Promise<string> {
  const seen: string[] = [];
  for (const folder of candidates(config, major)) {
    const found = await majorOf(join(folder, 'postgres'));
    if (found === major) return folder;
    if (found !== undefined) seen.push(`${found} in \`${folder}\``);
  }
  const others = seen.length === 0 ? 'no other version was found' : `found were ${[...new Set(seen)].join(', ')}`;
  throw new LifeboatError(
    'VersionMismatch',
    `the program \`postgres\` of PostgreSQL ${major} is missing on this host; ${others}`,
    {
      component: config.id,
      hint: `install it (Debian: apt-get install postgresql-${major}), or name its folder in \`binDirectory\``,
    },
  );
}

/** A configured folder is the only one asked: another build may have other libraries. */
function candidates(config: PostgresConfig, major: number): string[] {
  if (config.binDirectory !== undefined) return [config.binDirectory];
  const onPath = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  return [
    `/usr/lib/postgresql/${major}/bin`,
    `/usr/pgsql-${major}/bin`,
    `/opt/homebrew/opt/postgresql@${major}/bin`,
    `/usr/local/opt/postgresql@${major}/bin`,
    ...onPath,
    '/usr/local/bin',
  ];
}

async function majorOf(program: string): Promise<number | undefined> {
  try {
    await access(program, constants.X_OK);
    const { stdout } = await run(program, ['--version']);
    const major = /\(PostgreSQL\) (\d+)/.exec(stdout)?.[1];
    return major === undefined ? undefined : Number(major);
  } catch {
    return undefined;
  }
}
