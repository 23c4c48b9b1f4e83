/** 100,000 files of 1 KB against restic: what each file costs, and what an unchanged one does. */
import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isLifeboatName } from '../../src/drivers/swap/names.ts';
import { runCommand, runScript } from '../command.ts';
import type { ManyFiles } from '../data/many-files.ts';
import type { BackupTimes } from '../lifeboat/backup.ts';
import type { StageTimes } from '../lifeboat/restore.ts';
import type { Recorder } from '../measure.ts';
import { versionOf } from '../machine.ts';
import { backupArguments, initRestic, resticEnvironment, restoreInto } from '../peers/restic-commands.ts';

const child = fileURLToPath(new URL('../lifeboat/child.ts', import.meta.url));
const cli = fileURLToPath(new URL('../../src/cli/main.mjs', import.meta.url));

export interface ManyFilesBench {
  readonly files: ManyFiles;
  readonly record: Recorder;
  readonly say: (text: string) => void;
}

/**
 * One run: both tools begin with an empty repository. What they restore is moved away and removed after all runs: ext4 passes
 * over inodes that were deleted in the last minute, so who makes files right after many were removed is several times slower.
 */
export async function measureManyFiles({ files, record, say }: ManyFilesBench): Promise<void> {
  const take = async (name: string, act: () => Promise<number>): Promise<void> => {
    await runScript('sync');
    const seconds = await act();
    record.add(name, seconds);
    say(`${name}: ${seconds.toFixed(2)} s`);
  };
  await rm(files.repository, { recursive: true, force: true, maxRetries: 5 });
  await mkdir(files.repository, { recursive: true, mode: 0o700 });
  await lifeboat(files, 'init');
  const restic = await resticOf(files);
  let point = '';
  const backUp = async (row: string): Promise<number> => {
    const { seconds, id, storedBytes } = JSON.parse(await lifeboat(files, 'backup')) as BackupTimes;
    record.add(`bytes/${row}-stored`, storedBytes);
    point = id;
    return seconds;
  };
  for (const row of ['many-first', 'many-unchanged']) {
    await take(`${row}/lifeboat`, async () => backUp(row));
    if (restic !== undefined) await take(`${row}/restic`, restic.backup);
  }
  await take(
    'many-plan/lifeboat',
    async () => (await runCommand(process.execPath, [cli, '-c', files.configFile, 'restore', 'plan'])).seconds,
  );
  await take('many-stage/lifeboat', async () => {
    return (JSON.parse(await lifeboat(files, 'stage', point)) as StageTimes).seconds;
  });
  await moveAway(files);
  if (restic !== undefined) await take('many-stage/restic', restic.restore);
  // Nothing goes live: files that were just restored would be too young to be known by their times in the next run.
  await take('many-prove/lifeboat', async () => {
    return (JSON.parse(await lifeboat(files, 'prove', point)) as { readonly seconds: number }).seconds;
  });
  await moveAway(files);
}

/** What a staging left beside the data. */
async function moveAway({ folder, restored }: ManyFiles): Promise<void> {
  const into = join(restored, randomUUID());
  await mkdir(into, { recursive: true });
  for (const name of await readdir(folder))
    if (isLifeboatName(name)) await rename(join(folder, name), join(into, name));
}

async function lifeboat({ configFile }: ManyFiles, ...args: readonly string[]): Promise<string> {
  const env = { BENCH_KEEPS_STAGING: 'yes' };
  return (await runCommand(process.execPath, [child, configFile, ...args], { env })).stdout;
}

/** Undefined where it is not installed. */
async function resticOf({ data, work, restored }: ManyFiles) {
  if ((await versionOf('restic', ['version'])) === 'absent') return undefined;
  const env = resticEnvironment(join(work, 'restic'), 'many files');
  await rm(join(work, 'restic'), { recursive: true, force: true, maxRetries: 5 });
  await mkdir(work, { recursive: true });
  await initRestic(env);
  return {
    backup: async (): Promise<number> => (await runCommand('restic', [...backupArguments, data], { env })).seconds,
    restore: async (): Promise<number> => {
      await mkdir(restored, { recursive: true });
      return restoreInto(join(restored, randomUUID()), env);
    },
  };
}
