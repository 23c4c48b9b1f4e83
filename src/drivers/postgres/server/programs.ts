/** The server programs of a major version: a data directory opens with its own major only. */
import { delimiter, join } from 'node:path';
import type { PostgresConfig } from '../../../domain/appliance.ts';
import { LifeboatError } from '../../../domain/errors.ts';
import type { EngineProcess, EngineRun, EngineServer, Target, ToolResult } from '../../../platform/target.ts';

export interface ServerPrograms {
  readonly folder: string;
  has(program: string): Promise<boolean>;
  /** Runs one of them to its end; one that fails does not throw. Messages are in English. */
  run(program: string, args: readonly string[], options?: Pick<EngineRun, 'user' | 'env'>): Promise<ToolResult>;
  start(args: readonly string[], server: Omit<EngineServer, 'command'>): Promise<EngineProcess>;
}

/** Those of exactly this major. VersionMismatch names what is missing and what is there instead. */
export async function findPrograms(config: PostgresConfig, target: Target, major: number): Promise<ServerPrograms> {
  const seen: string[] = [];
  for (const folder of candidates(config, major)) {
    const found = majorOf(await target.versionOf(config.id, join(folder, 'postgres')));
    if (found === major) return programsIn(folder, config.id, target);
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

function programsIn(folder: string, component: string, target: Target): ServerPrograms {
  return {
    folder,
    has: async (program) => (await target.versionOf(component, join(folder, program))) !== undefined,
    run: async (program, args, { user, env } = {}) =>
      target.runTool(component, { command: [join(folder, program), ...args], env: { LC_ALL: 'C', ...env }, user }),
    start: async (args, server) =>
      target.runEngine(component, { ...server, command: [join(folder, 'postgres'), ...args] }),
  };
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

function majorOf(version: string | undefined): number | undefined {
  const major = /\(PostgreSQL\) (\d+)/.exec(version ?? '')?.[1];
  return major === undefined ? undefined : Number(major);
}
