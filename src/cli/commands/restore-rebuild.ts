/** `lifeboat restore rebuild <component>`: the application builds a vector store anew from what it keeps elsewhere. */
import { withClient } from '../../client/temporal/connection.ts';
import { requireWorker } from '../../client/temporal/workers.ts';
import { formatDuration } from '../../domain/duration.ts';
import { requireRebuildable } from '../../operations/restore/rebuildable.ts';
import type { RebuildResult } from '../../../workflows/messages.ts';
import { askForName, requireName } from '../confirm.ts';
import { loadAppliance } from '../context.ts';
import type { GlobalOptions } from '../globals.ts';
import { print, printJson } from '../output/speak.ts';
import { requestedBy } from '../requested-by.ts';
import { startAndWatch } from '../start-and-watch.ts';

export interface RebuildOptions {
  readonly reason?: string;
  readonly confirm?: string;
  readonly detach?: boolean;
  readonly idempotencyKey?: string;
}

export async function restoreRebuild(
  globals: GlobalOptions,
  component: string,
  { reason = '', confirm, detach, idempotencyKey }: RebuildOptions,
): Promise<void> {
  const appliance = await loadAppliance(globals);
  requireName(appliance, confirm);
  requireRebuildable(appliance, [component]);
  await withClient(appliance, async (client) => {
    await requireWorker(client, appliance);
    const input = {
      components: [component],
      confirm:
        confirm ?? (await askForName(appliance, `${component} is built anew; what it holds now is kept beside it`)),
      requestedBy: requestedBy(),
      reason,
    };
    const summary = `the application builds ${component} anew, asked by ${requestedBy()}`;
    const result = await startAndWatch({
      globals,
      appliance,
      client,
      type: 'rebuild',
      input,
      summary,
      detach,
      idempotencyKey,
    });
    if (result !== undefined) rebuilt(globals, result);
  });
}

export function rebuilt(globals: GlobalOptions, result: RebuildResult): void {
  if (globals.output === 'json') printJson(result);
  else
    for (const { component, documents, safetyCopy } of result.built) {
      print(`${component} holds ${documents} documents, built in ${formatDuration(result.seconds)}`);
      if (safetyCopy !== '') print(`what it held before is kept at ${safetyCopy}`);
    }
}
