/** `--replace-damaged` deletes live data: only what is proven unusable, and never under a running server. */
import { lstat } from 'node:fs/promises';
import type { PostgresConfig } from '../../../domain/appliance.ts';
import { LifeboatError } from '../../../domain/errors.ts';
import { notDamaged } from '../../folder/room.ts';
import { readControlFile } from '../server/control-file.ts';
import { ownerOf } from '../server/owner.ts';
import { runningPostmaster } from '../server/postmaster.ts';
import type { ServerPrograms } from '../server/programs.ts';
import type { Target } from '../../../platform/target.ts';

/** Precondition if a server runs on the live data or nothing is proven to be wrong with it. */
export async function refuseUnlessDamaged(
  config: PostgresConfig,
  target: Target,
  programs: ServerPrograms,
): Promise<void> {
  const { dataDirectory, id } = config;
  await refuseWhileRunning(config, target);
  if ((await lstat(dataDirectory).catch(() => undefined)) === undefined) return;
  const control = await readControlFile(dataDirectory);
  if (control === undefined || (await hasWrongChecksums(config, target, programs))) return;
  throw notDamaged([dataDirectory], id);
}

/** Precondition if a server runs on the live data directory: its `postmaster.pid` says so, or one works there without it. */
export async function refuseWhileRunning(config: PostgresConfig, target: Target): Promise<void> {
  const pid = (await runningPostmaster(config.dataDirectory)) ?? (await unnamedServer(config, target));
  if (pid === undefined) return;
  throw new LifeboatError('Precondition', `PostgreSQL runs on \`${config.dataDirectory}\` (pid ${pid})`, {
    component: config.id,
    hint: `stop it first: pg_ctl stop -D '${config.dataDirectory}' -m fast; if process ${pid} is another program, remove postmaster.pid instead`,
  });
}

/** Every process of a server works in its data directory. A shell that stands there does no harm. */
async function unnamedServer({ dataDirectory }: PostgresConfig, target: Target): Promise<number | undefined> {
  return (await target.holders(dataDirectory)).find(({ name }) => /^post(gres|master)/.test(name))?.pid;
}

/** By pg_checksums of the same major. It ends with 1 also where it cannot check; only counted bad blocks are proof. */
async function hasWrongChecksums(config: PostgresConfig, target: Target, programs: ServerPrograms): Promise<boolean> {
  const user = await ownerOf(config, target);
  const args = ['--check', '-D', config.dataDirectory];
  const { exitCode, stdout } = await programs.run('pg_checksums', args, { user });
  return exitCode !== 0 && Number(/^Bad checksums:\s+(\d+)/m.exec(stdout)?.[1] ?? 0) > 0;
}
