/** `--replace-damaged` deletes live data: only what is proven unusable, and never under a running server. */
import { execFile } from 'node:child_process';
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { PostgresConfig } from '../../../domain/appliance.ts';
import { LifeboatError } from '../../../domain/errors.ts';
import { notDamaged } from '../../folder/room.ts';
import { readControlFile } from '../server/control-file.ts';
import { asOther, ownerOf } from '../server/owner.ts';
import { runningPostmaster } from '../server/postmaster.ts';

const run = promisify(execFile);

/** Precondition if a server runs on the live data or nothing is proven to be wrong with it. */
export async function refuseUnlessDamaged(config: PostgresConfig, binDirectory: string): Promise<void> {
  const { dataDirectory, id } = config;
  await refuseWhileRunning(config);
  if ((await lstat(dataDirectory).catch(() => undefined)) === undefined) return;
  const control = await readControlFile(dataDirectory);
  if (control === undefined || (await hasWrongChecksums(config, binDirectory))) return;
  throw notDamaged([dataDirectory], id);
}

/** Precondition if a server runs on the live data directory. */
export async function refuseWhileRunning(config: PostgresConfig): Promise<void> {
  const pid = await runningPostmaster(config.dataDirectory);
  if (pid === undefined) return;
  throw new LifeboatError('Precondition', `PostgreSQL runs on \`${config.dataDirectory}\` (pid ${pid})`, {
    component: config.id,
    hint: `stop it first: pg_ctl stop -D '${config.dataDirectory}' -m fast; if process ${pid} is another program, remove postmaster.pid instead`,
  });
}

/** By pg_checksums of the same major. It ends with 1 also where it cannot check; only counted bad blocks are proof. */
async function hasWrongChecksums(config: PostgresConfig, binDirectory: string): Promise<boolean> {
  const owner = await ownerOf(config);
  try {
    await run(join(binDirectory, 'pg_checksums'), ['--check', '-D', config.dataDirectory], {
      env: { LC_ALL: 'C' },
      ...asOther(owner),
    });
    return false;
  } catch (error) {
    const output = error instanceof Error && 'stdout' in error ? String(error.stdout) : '';
    return Number(/^Bad checksums:\s+(\d+)/m.exec(output)?.[1] ?? 0) > 0;
  }
}
