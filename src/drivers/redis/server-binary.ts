/** The redis-server of this host: which version, and which dumps it reads. */
import { delimiter, join } from 'node:path';
import type { RedisConfig } from '../../domain/appliance.ts';
import { LifeboatError } from '../../domain/errors.ts';
import type { Target } from '../../platform/target.ts';

export interface ServerBinary {
  readonly path: string;
  readonly version: string;
}

/** The configured binary, or the first on PATH and in the usual folders; undefined where there is none. */
export async function findServerBinary(config: RedisConfig, target: Target): Promise<ServerBinary | undefined> {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/local/bin', '/usr/bin', '/opt/homebrew/bin'];
  const candidates =
    config.serverBinary === undefined ? folders.map((folder) => join(folder, 'redis-server')) : [config.serverBinary];
  for (const path of candidates) {
    const version = /v=(\d+\.\d+\.\d+)/.exec((await target.versionOf(config.id, path)) ?? '')?.[1];
    if (version !== undefined) return { path, version };
  }
  return undefined;
}

/** Redis refuses dumps of a version above its own; the numbers rose with these releases. */
const dumpVersions = [
  { since: [8, 0], dump: 12 },
  { since: [7, 4], dump: 12 },
  { since: [7, 2], dump: 11 },
  { since: [7, 0], dump: 10 },
  { since: [5, 0], dump: 9 },
  { since: [4, 0], dump: 8 },
] as const;

/** VersionMismatch where this server could not read the dump. */
export function refuseNewerDump(
  binary: ServerBinary,
  facts: { readonly serverVersion: string; readonly rdbVersion: number },
  component: string,
): void {
  const [major = 0, minor = 0] = binary.version.split('.').map(Number);
  const newest =
    dumpVersions.find(({ since }) => major > since[0] || (major === since[0] && minor >= since[1]))?.dump ?? 0;
  if (facts.rdbVersion <= newest) return;
  throw new LifeboatError(
    'VersionMismatch',
    `the dump is of Redis ${facts.serverVersion} (format ${facts.rdbVersion}); Redis ${binary.version} reads up to ${newest}`,
    {
      component,
      hint: `install Redis ${facts.serverVersion.split('.').slice(0, 2).join('.')} or choose another recovery point`,
    },
  );
}
