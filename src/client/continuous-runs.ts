/** Keeps running what is always on: `walArchive` of every database, and `configWatch`. May be called by several workers at once. */
import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import type { Logger } from 'pino';
import { runAttributes } from './temporal/run-attributes.ts';
import type { Appliance, FilesConfig, PostgresConfig } from '../domain/appliance.ts';

export function archivedDatabases({ components }: Appliance): PostgresConfig[] {
  return components.filter((component) => component.kind === 'postgres').filter(({ wal }) => wal.archive);
}

export function walArchiveId(appliance: Appliance, component: string): string {
  return `walArchive/${appliance.name}/${component}`;
}

/** Components whose change alone gives a backup. */
export function watchedComponents({ components }: Appliance): FilesConfig[] {
  return components.filter((component) => component.kind === 'files').filter(({ tier }) => tier === 'configuration');
}

/** Starts what does not run; ends what the configuration gave up. */
export async function ensureContinuousRuns(client: Client, appliance: Appliance, log: Logger): Promise<void> {
  await ensureWalArchives(client, appliance, log);
  const workflowId = `configWatch/${appliance.name}`;
  if (watchedComponents(appliance).length === 0)
    return end(client, workflowId, log, 'the configuration is not watched');
  await client.workflow.start('configWatch', {
    workflowId,
    workflowIdConflictPolicy: 'USE_EXISTING',
    ...(await runAttributes(client, appliance, 'configWatch')),
    taskQueue: appliance.temporal.taskQueue,
    args: [{}],
    staticSummary: `changes of the configuration, ${appliance.name}`,
  });
}

async function ensureWalArchives(client: Client, appliance: Appliance, log: Logger): Promise<void> {
  const archived = archivedDatabases(appliance);
  for (const { id } of archived) {
    await client.workflow.start('walArchive', {
      workflowId: walArchiveId(appliance, id),
      workflowIdConflictPolicy: 'USE_EXISTING',
      ...(await runAttributes(client, appliance, 'walArchive')),
      taskQueue: appliance.temporal.taskQueue,
      args: [{ component: id }],
      staticSummary: `WAL of ${id}, ${appliance.name}`,
    });
  }
  for (const { id, kind } of appliance.components) {
    if (kind === 'postgres' && !archived.some((database) => database.id === id))
      await end(
        client,
        walArchiveId(appliance, id),
        log,
        'WAL is not archived any more; its slot keeps WAL on the server: `lifeboat postgres detach` drops it',
      );
  }
}

async function end(client: Client, workflowId: string, log: Logger, meaning: string): Promise<void> {
  try {
    const handle = client.workflow.getHandle(workflowId);
    if ((await handle.describe()).status.name !== 'RUNNING') return;
    await handle.cancel();
    log.warn({ workflowId }, meaning);
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
}
