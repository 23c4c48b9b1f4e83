/** `lifeboat backups run` */
import { withClient } from '../../client/temporal/connection.ts';
import { formatBytes, formatDuration } from '../../domain/duration.ts';
import { backupWorkflows, type BackupType } from '../../domain/recovery-point.ts';
import type { BackupResult } from '../../../workflows/messages.ts';
import { componentsOf, loadAppliance } from '../context.ts';
import { exit } from '../exit.ts';
import type { GlobalOptions } from '../globals.ts';
import { print, printJson, say } from '../output/speak.ts';
import { requestedBy } from '../requested-by.ts';
import { startAndWatch } from '../start-and-watch.ts';

export interface RunOptions {
  readonly type: BackupType;
  readonly components?: readonly string[];
  readonly detach?: boolean;
  readonly idempotencyKey?: string;
  readonly reason: string;
}

export async function backupsRun(globals: GlobalOptions, options: RunOptions): Promise<void> {
  const appliance = await loadAppliance(globals);
  const components = await componentsOf(appliance, options.components);
  await withClient(appliance, async (client) => {
    const input = { components, requestedBy: requestedBy(), reason: options.reason };
    const summary = `${options.type} backup of ${appliance.name}, asked by ${requestedBy()}`;
    const { type, detach, idempotencyKey } = options;
    const result = await startAndWatch({
      globals,
      appliance,
      client,
      type: backupWorkflows[type],
      input,
      summary,
      detach,
      idempotencyKey,
    });
    if (result !== undefined) backedUp(globals, result);
  });
}

/** The end of a backup as people and scripts read it. A skipped one made no recovery point. */
export function backedUp(globals: GlobalOptions, result: BackupResult): void {
  if (globals.output === 'json') printJson(result);
  else if (result.state === 'skipped') print(result.text);
  else
    print(
      `${result.text}: ${formatBytes(result.bytes)}, ${formatBytes(result.storedBytes)} stored, ${formatDuration(result.seconds)}`,
    );
  if (result.state !== 'skipped') return;
  say('  hint: no recovery point was made; run it again when the holder has ended');
  process.exitCode = exit.precondition;
}
