/** What a plan must know before a restore: disks, room, versions and users; and what is refused. */
import { lstat, readdir, readlink, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import type { PostgresConfig } from '../../../domain/appliance.ts';
import { isLifeboatError } from '../../../domain/errors.ts';
import type { ComponentRecord, JsonValue } from '../../../domain/recovery-point.ts';
import type { WalTarget } from '../../../domain/restore/target.ts';
import type { RestoreTarget } from '../../driver.ts';
import { restoreTargetOf } from '../../swap/target.ts';
import { findPrograms } from '../server/programs.ts';
import type { Target } from '../../../platform/target.ts';
import { ownerOf } from '../server/owner.ts';

type TargetProblem = RestoreTarget['problems'][number];

/**
 * One target for the data directory, one for the WAL where a link leads to it, and one for each tablespace whose place
 * the live directory still shows; the places of the others are sealed, stage looks at them.
 */
export async function postgresTargets(
  config: PostgresConfig,
  host: Target,
  record: ComponentRecord,
  wal?: WalTarget,
): Promise<RestoreTarget[]> {
  const tablespaces = tablespacesOf(record);
  const inTablespaces = tablespaces.reduce((sum, tablespace) => sum + tablespace.bytes, 0);
  const data = await targetOf(config.dataDirectory, Math.max(record.bytes - inTablespaces, 0));
  const targets: RestoreTarget[] = [
    {
      ...data,
      problems: [
        ...data.problems,
        ...(await engineProblems(config, host, record)),
        ...(wal?.kind === 'latest' ? await changedTablespaces(config, tablespaces) : []),
      ],
    },
  ];
  for (const { oid, bytes } of tablespaces) {
    const location = await readlink(join(config.dataDirectory, 'pg_tblspc', oid)).catch(() => undefined);
    if (location !== undefined) targets.push(await targetOf(location, bytes));
  }
  const linked = await linkedTo(join(config.dataDirectory, 'pg_wal'));
  if (linked !== undefined) targets.push(await targetOf(linked, 0));
  return targets;
}

async function linkedTo(path: string): Promise<string | undefined> {
  const stats = await lstat(path).catch(() => undefined);
  return stats?.isSymbolicLink() === true ? realpath(path).catch(() => undefined) : undefined;
}

/** All that the live server has is to be replayed: a tablespace that was made or dropped since the base could not be. */
async function changedTablespaces(
  { dataDirectory }: PostgresConfig,
  captured: readonly { readonly oid: string }[],
): Promise<TargetProblem[]> {
  const live = await readdir(join(dataDirectory, 'pg_tblspc')).catch(() => undefined);
  const now = live?.filter((name) => /^\d+$/.test(name));
  const then = captured.map(({ oid }) => oid);
  const changed =
    now === undefined ? [] : [...now.filter((oid) => !then.includes(oid)), ...then.filter((oid) => !now.includes(oid))];
  if (changed.length === 0) return [];
  return [
    {
      code: 'Precondition',
      message: `tablespace ${changed.join(', ')} was made or dropped since the base: the WAL that says so cannot be replayed beside the live server`,
      hint: 'run `lifeboat backups run` first, which takes a new base; or choose a moment before it: --to-time',
    },
  ];
}

/** Why a live path behind a link cannot be restored; undefined where it is none. */
export async function linkProblem(live: string): Promise<TargetProblem | undefined> {
  const stats = await lstat(live).catch(() => undefined);
  if (stats?.isSymbolicLink() !== true) return undefined;
  const real = await realpath(live).catch(() => '');
  return {
    code: 'Precondition',
    message: `\`${live}\` is a link: the private server would write where the live one does`,
    hint: `configure the real path${real === '' ? '' : `: ${real}`}`,
  };
}

async function targetOf(live: string, needBytes: number): Promise<RestoreTarget> {
  const target = await restoreTargetOf({ live, needBytes });
  const link = await linkProblem(live);
  return link === undefined ? target : { ...target, problems: [...target.problems, link] };
}

async function engineProblems(config: PostgresConfig, host: Target, record: ComponentRecord): Promise<TargetProblem[]> {
  const checks = [findPrograms(config, host, Number(record.facts['major'])), ownerOf(config, host)];
  const results = await Promise.allSettled<unknown>(checks);
  return results.flatMap((result) => {
    if (result.status === 'fulfilled') return [];
    if (!isLifeboatError(result.reason)) throw result.reason;
    const { code, message, hint } = result.reason;
    return [{ code, message, hint }];
  });
}

function tablespacesOf(record: ComponentRecord): { oid: string; bytes: number }[] {
  const list = record.facts['tablespaces'];
  if (!Array.isArray(list)) return [];
  return (list as readonly JsonValue[]).flatMap((each) => {
    if (typeof each !== 'object' || each === null || !('oid' in each)) return [];
    return typeof each['oid'] === 'string' ? [{ oid: each['oid'], bytes: Number(each['bytes']) }] : [];
  });
}
