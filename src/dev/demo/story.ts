/** The story that the demo tells: seed, back up under traffic, disaster, restore, prove. Talks on stderr. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Client } from '@temporalio/client';
import { watchRun } from '../../cli/watch.ts';
import { explained, runUrl } from '../../client/temporal/connection.ts';
import { snapshot } from '../../client/runs.ts';
import { startRun } from '../../client/start-run.ts';
import { triggerSchedule } from '../../client/schedules.ts';
import { formatBytes, formatDuration } from '../../domain/duration.ts';
import { plural } from '../../domain/plural.ts';
import type { ProbeResult } from '../../domain/recovery-point.ts';
import type { BackupResult, ReplicateResult, RestoreResult, StepReport } from '../../../workflows/messages.ts';
import { strike } from '../appliance/disaster.ts';
import { sabotage, type SabotageKind } from '../appliance/sabotage.ts';
import { seedAppliance } from '../appliance/seed/seed.ts';
import type { ApplianceSize } from '../appliance/seed/sizes.ts';
import { countLosses, startTraffic, type Losses } from '../appliance/traffic/traffic.ts';
import { findEmbeddingModel } from '../engines.ts';
import { stateFolder } from '../folders.ts';
import { probeAppliance, probeChat } from './prove.ts';
import { say, tell } from './say.ts';
import type { Stage } from './stage.ts';
import { cliScript } from './worker-process.ts';

/** What is known: a story that fails is told as far as it came, because then a look is needed most. */
export interface Story {
  backup?: TracedRun<BackupResult>;
  disasterAt?: Date;
  restore?: TracedRun<RestoreResult>;
  probes: readonly ProbeResult[];
  losses?: Losses;
  /** Why it ended early. */
  failure?: Error;
}

export interface TracedRun<T> {
  readonly workflowId: string;
  readonly startedAt: Date;
  endedAt?: Date;
  /** Absent where the run failed. */
  result?: T;
  /** As the run showed them when it ended. */
  steps: readonly StepReport[];
}

export interface StoryOptions {
  readonly stage: Stage;
  readonly client: Client;
  readonly size: ApplianceSize;
  readonly sabotage: readonly SabotageKind[];
  readonly from: 's3' | undefined;
}

/** Traffic goes on for so long after the backup: what it writes then is what a restore cannot bring back. */
const afterBackupMs = 2000;

export async function tellStory(options: StoryOptions): Promise<Story> {
  const story: Story = { probes: [] };
  try {
    await tellInto(story, options);
  } catch (error) {
    story.failure = explained(error, options.stage.appliance) as Error;
  }
  return story;
}

/** The demo stops its own server when it is interrupted. */
const watched = { endsWithUs: true } as const;

async function tellInto(story: Story, options: StoryOptions): Promise<void> {
  const { stage, client, size, sabotage: kinds, from } = options;
  const { sample, appliance } = stage;
  await seed(stage, size);
  const traffic = await startTraffic(sample);
  let backup: BackupResult;
  try {
    tell('BACKUP', 'the daily schedule is triggered now; the app keeps writing');
    story.backup = traced(await triggerSchedule(client, appliance, 'backup-full'));
    backup = await follow(story.backup, stage, client);
    say(
      `${backup.text}: ${formatBytes(backup.bytes)}, ${formatBytes(backup.storedBytes)} stored, ${formatDuration(backup.seconds)}`,
    );
    if (from !== undefined) await untilCopied(backup.id, options);
    await delay(afterBackupMs);

    tell('DISASTER', 'every process is killed, every byte of the appliance is deleted');
    if (from !== undefined) await stage.loseHost();
    const disaster = await strike(sample);
    story.disasterAt = disaster.at;
    disaster.deleted.forEach((path) => say(`deleted ${path}`));
    if (from !== undefined) say(`deleted ${sample.folders.repository}, and Lifeboat's own state`);
  } finally {
    await traffic.stop();
  }

  if (kinds.includes('object')) say(`SABOTAGE: ${await sabotage('object', sample)}`);
  if (from !== undefined) await stage.startWorker();
  tell('RESTORE', 'along the dependency graph, staged and checked beside the live paths');
  const input = {
    toLatest: true,
    ...(from === undefined ? {} : { from }),
    confirm: appliance.name,
    reason: 'demo disaster',
    requestedBy: 'demo',
    disasterAt: story.disasterAt.toISOString(),
  };
  const { workflowId } = await startRun(client, appliance, 'restore', input, {
    summary: `demo restore of ${appliance.name}`,
  });
  story.restore = traced(workflowId);
  const restore = await follow(story.restore, stage, client);

  for (const kind of kinds) if (kind !== 'object') say(`SABOTAGE: ${await sabotage(kind, sample)}`);
  tell('PROOF', 'the manifest in the repository against the running engines');
  story.probes = [...(await probeAppliance(appliance, backup.id, from)), await probeChat(sample)];
  story.losses = await countLosses(sample);
  tell('BACKUP', 'the restored appliance gets a recovery point of its own');
  await watchRun(client, stage.appliance, restore.backupWorkflowId, watched);
}

async function untilCopied(backupId: string, { stage: { appliance }, client }: StoryOptions): Promise<void> {
  tell('COPY', 'everything goes to the bucket of another house');
  const { locations } = await watchRun<ReplicateResult>(
    client,
    appliance,
    `replicate/${appliance.name}/${backupId}`,
    watched,
  );
  for (const { location, objects, bytes } of locations)
    say(`${location}: ${formatBytes(bytes)} in ${plural(objects, 'object')}`);
}

function traced<T>(workflowId: string): TracedRun<T> {
  return { workflowId, startedAt: new Date(), steps: [] };
}

/** Watches the run to its end and keeps what it showed, also where it fails. */
async function follow<T>(run: TracedRun<T>, { appliance }: Stage, client: Client): Promise<T> {
  say(runUrl(appliance, run.workflowId));
  try {
    run.result = await watchRun<T>(client, appliance, run.workflowId, watched);
    return run.result;
  } finally {
    run.endedAt = new Date();
    run.steps = await snapshot(client, run.workflowId).then(
      ({ view }) => view?.steps ?? [],
      () => [],
    );
  }
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
