/** What `doctor` finds of the orchestrator: server, worker, schedules. Never throws. */
import type { Appliance } from '../domain/appliance.ts';
import { isLifeboatError } from '../domain/errors.ts';
import type { Finding } from '../drivers/driver.ts';
import { withClient } from './connection.ts';
import { describeSchedules } from './schedules.ts';
import { hasWorker, noWorkerText, workerHint } from './workers.ts';

export async function diagnoseOrchestrator(appliance: Appliance): Promise<Finding[]> {
  try {
    return await withClient(appliance, async (client) => {
      const found: Finding[] = [
        {
          name: 'temporal',
          level: 'ok',
          text: `${appliance.temporal.address}, namespace ${appliance.temporal.namespace}, UI ${appliance.temporal.uiUrl}`,
        },
      ];
      found.push(
        (await hasWorker(client, appliance))
          ? { name: 'worker', level: 'ok', text: `polls ${appliance.temporal.taskQueue}` }
          : { name: 'worker', level: 'fail', text: noWorkerText(appliance), hint: workerHint },
      );
      for (const { name, enabled, view } of await describeSchedules(client, appliance)) {
        if (!enabled) {
          found.push({
            name: `schedule ${name}`,
            level: 'warn',
            text: 'is switched off in lifeboat.yaml',
            hint: 'set `enabled: true`, unless something else does its work',
          });
          continue;
        }
        if (view === undefined)
          found.push({
            name: `schedule ${name}`,
            level: 'fail',
            text: 'does not exist',
            hint: 'a worker creates it when it starts, or `lifeboat schedules apply`',
          });
        else if (view.paused)
          found.push({
            name: `schedule ${name}`,
            level: 'warn',
            text: `is paused: ${view.note}`,
            hint: `\`lifeboat schedules resume ${name}\``,
          });
        else found.push({ name: `schedule ${name}`, level: 'ok', text: `next run ${view.next}` });
      }
      return found;
    });
  } catch (error) {
    return [failed('temporal', error)];
  }
}

function failed(name: string, error: unknown): Finding {
  return {
    name,
    level: 'fail',
    text: (error as Error).message,
    ...(isLifeboatError(error) ? { hint: error.hint } : {}),
  };
}
