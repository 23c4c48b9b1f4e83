/** Lifeboat as one of the measured: every act in a fresh process. */
import { rm, mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { runCommand } from '../command.ts';
import type { DataSet } from '../data/data-set.ts';
import type { Place } from './keep.ts';
import type { BackupTimes } from './backup.ts';
import type { GoLiveTimes, StageTimes } from './restore.ts';

const script = fileURLToPath(new URL('./child.ts', import.meta.url));

/** An empty repository, encrypted, as `lifeboat init` makes it; not timed. */
export async function initLifeboat(data: DataSet): Promise<void> {
  const { path } = data.appliance.repository;
  await rm(path, { recursive: true, force: true, maxRetries: 5 });
  await mkdir(path, { recursive: true, mode: 0o700 });
  await run(data, ['init']);
}

export async function backUpLifeboat(data: DataSet): Promise<BackupTimes> {
  return JSON.parse(await run(data, ['backup'])) as BackupTimes;
}

export async function stageLifeboat(data: DataSet, point: string): Promise<StageTimes> {
  return JSON.parse(await run(data, ['stage', point])) as StageTimes;
}

export async function goLiveLifeboat(data: DataSet, point: string): Promise<GoLiveTimes> {
  return JSON.parse(await run(data, ['go-live', point])) as GoLiveTimes;
}

export async function verifyLifeboat(data: DataSet, point: string): Promise<{ readonly seconds: number }> {
  return JSON.parse(await run(data, ['verify', point])) as { seconds: number };
}

export async function replicateLifeboat(data: DataSet, place: Place): Promise<{ readonly seconds: number }> {
  return JSON.parse(await run(data, ['replicate'], { BENCH_PLACE: JSON.stringify(place) })) as { seconds: number };
}

async function run(
  { configFile }: DataSet,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  return (await runCommand(process.execPath, [script, configFile, ...args], { env })).stdout;
}
