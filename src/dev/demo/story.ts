/** The story that the demo tells: seed, back up under traffic, disaster, restore, prove. Talks on stderr. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Client } from '@temporalio/client';
import { watchRun } from '../../cli/watch.ts';
import { runUrl } from '../../client/connection.ts';
import { startRun } from '../../client/runs.ts';
import { triggerSchedule } from '../../client/schedules.ts';
import { formatBytes, formatDuration } from '../../domain/duration.ts';
import type { ProbeResult } from '../../domain/recovery-point.ts';
import type { FullBackupResult, RestoreResult } from '../../../workflows/messages.ts';
import { strike } from '../appliance/disaster.ts';
import { sabotage, type SabotageKind } from '../appliance/sabotage.ts';
import { seedAppliance } from '../appliance/seed/seed.ts';
import type { ApplianceSize } from '../appliance/seed/sizes.ts';
import { countLosses, startTraffic, type Losses } from '../appliance/traffic/traffic.ts';
import { findEmbeddingModel } from '../engines.ts';
import { stateFolder } from '../folders.ts';
import { probeAppliance, probeChat } from './prove.ts';
import type { Stage } from './stage.ts';
import { cliScript } from './worker-process.ts';

export interface Story {
  readonly backup: FullBackupResult & { readonly workflowId: string };
  readonly restore: RestoreResult & { readonly workflowId: string };
  readonly losses: Losses;
  readonly disasterAt: Date;
  readonly restoredAt: Date;
  readonly probes: readonly ProbeResult[];
}

export interface StoryOptions {
  readonly stage: Stage;
  readonly client: Client;
  readonly size: ApplianceSize;
  readonly sabotage: SabotageKind | undefined;
}

/** Traffic goes on for so long after the backup: what it writes then is what a restore cannot bring back. */
const afterBackupMs = 2000;

export async function tellStory(options: StoryOptions): Promise<Story> {
  const { stage, client } = options;
  const { sample, appliance } = stage;
  await seed(stage, options.size);
  const traffic = await startTraffic(sample);
  let disasterAt: Date;
  let backup: Story['backup'];
  try {
    tell('BACKUP', 'the daily schedule is triggered now; the app keeps writing');
    const workflowId = await triggerSchedule(client, appliance, 'backup-full');
    say(runUrl(appliance, workflowId));
    backup = { ...(await watchRun<FullBackupResult>(client, workflowId)), workflowId };
    say(
      `${backup.text}: ${formatBytes(backup.bytes)}, ${formatBytes(backup.storedBytes)} stored, ${formatDuration(backup.seconds)}`,
    );
    await delay(afterBackupMs);

    tell('DISASTER', 'every process is killed, every byte of the appliance is deleted');
    const disaster = await strike(sample);
    disasterAt = disaster.at;
    disaster.deleted.forEach((path) => say(`deleted ${path}`));
  } finally {
    await traffic.stop();
  }

  if (options.sabotage === 'object') say(`SABOTAGE: ${await sabotage('object', sample)}`);
  tell('RESTORE', 'along the dependency graph, staged and checked beside the live paths');
  const input = {
    at: backup.id,
    confirm: appliance.name,
    reason: 'demo disaster',
    requestedBy: 'demo',
    disasterAt: disasterAt.toISOString(),
  };
  const { workflowId } = await startRun(client, appliance, 'restore', input, `demo restore of ${appliance.name}`);
  say(runUrl(appliance, workflowId));
  const restore = { ...(await watchRun<RestoreResult>(client, workflowId)), workflowId };
  const restoredAt = new Date();

  if (options.sabotage !== undefined && options.sabotage !== 'object')
    say(`SABOTAGE: ${await sabotage(options.sabotage, sample)}`);
  tell('PROOF', 'the manifest in the repository against the running engines');
  const probes = [...(await probeAppliance(appliance, backup.id)), await probeChat(sample)];
  const losses = await countLosses(sample);
  tell('BACKUP', 'the restored appliance gets a recovery point of its own');
  await watchRun(client, restore.backupWorkflowId);
  return { backup, restore, losses, disasterAt, restoredAt, probes };
}

/** Engines start, are filled, the app starts; the repository is made as a user makes it; a worker creates the schedule. */
async function seed(stage: Stage, size: ApplianceSize): Promise<void> {
  const { sample, platform, configFile } = stage;
  tell('SEED', `a ${size} appliance: PostgreSQL, Redis, FAISS, an embedding model`);
  const signal = AbortSignal.timeout(600_000);
  await Promise.all([platform.start('postgres', signal), platform.start('redis', signal)]);
  const cacheFolder = join(stateFolder(), 'embeddings');
  const { seconds, rows, vectors } = await seedAppliance(sample, {
    size,
    modelPath: findEmbeddingModel(),
    cacheFolder,
    onProgress: say,
  });
  const counts = Object.values(rows);
  say(`${counts.reduce((sum, count) => sum + count, 0)} rows in ${counts.length} tables`);
  say(`${vectors} vectors, all in ${formatDuration(seconds)}`);
  await platform.start('app', signal);
  await promisify(execFile)(process.execPath, [cliScript, '--config', configFile, 'init']);
  say(`repository ${sample.folders.repository}`);
  await stage.startWorker();
}

export function tell(title: string, text: string): void {
  process.stderr.write(`\n== ${title}: ${text}\n`);
}

export function say(text: string): void {
  process.stderr.write(`   ${text}\n`);
}
