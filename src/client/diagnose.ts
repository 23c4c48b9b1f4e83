/** What `doctor` finds of the orchestrator: server, worker, schedules. Never throws. */
import type { Appliance } from '../domain/appliance.ts';
import { isLifeboatError } from '../domain/errors.ts';
import { withClient } from './temporal/connection.ts';
import { describeSchedules } from './schedules.ts';
import { hasWorker, noWorkerText, workerHint } from './temporal/workers.ts';
import type { Finding } from '../domain/finding.ts';

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
      return [...found, ...scheduleFindings(await describeSchedules(client, appliance))];
    });
  } catch (error) {
    return [failed('temporal', error)];
  }
}

/** One line for each that is well or paused, and one for all that are off or missing. */
function scheduleFindings(schedules: Awaited<ReturnType<typeof describeSchedules>>): Finding[] {
  const off = schedules.filter(({ enabled }) => !enabled).map(({ name }) => name);
  const missing = schedules.filter(({ enabled, view }) => enabled && view === undefined).map(({ name }) => name);
  const found = schedules.flatMap(({ name, view }): Finding[] => {
    if (view === undefined) return [];
    const finding = `schedule ${name}`;
    if (!view.paused) return [{ name: finding, level: 'ok', text: `next run ${view.next}` }];
    const hint = `\`lifeboat schedules resume ${name}\``;
    return [{ name: finding, level: 'warn', text: `is paused: ${view.note}`, hint }];
  });
  if (off.length > 0)
    found.push({
      name: 'schedules',
      level: 'warn',
      text: `switched off in lifeboat.yaml: ${off.join(', ')}`,
      hint: 'set `enabled: true`, unless something else does their work',
    });
  if (missing.length > 0)
    found.push({
      name: 'schedules',
      level: 'fail',
      text: `the server has none of ${missing.join(', ')}`,
      hint: 'a worker creates them when it starts, or `lifeboat schedules apply`',
    });
  return found;
}

function failed(name: string, error: unknown): Finding {
  return {
    name,
    level: 'fail',
    text: (error as Error).message,
    ...(isLifeboatError(error) ? { hint: error.hint } : {}),
  };
}
