/**
 * Watches the configuration for ever, in sessions of an hour, and starts a configuration backup when something changed
 * (D2.3). Whether something did is asked of the newest recovery point, so a change made while nobody watched is seen.
 * `lifeboat backups run --type configuration` and the daily schedule do not wait for it.
 */
import { CancellationScope, isCancellation, sleep, startChild, workflowInfo } from '@temporalio/workflow';
import type { ApplianceView } from '../../activities/control.ts';
import type { ConfigWatchInput, Given } from '../messages.ts';
import { watch } from '../proxies.ts';
import { childAttributes } from '../run/attributes.ts';
import type { RunDisplay } from '../run/display.ts';
import { failureText, rootCode } from '../run/failure.ts';
import { notify } from '../run/notification.ts';
import { runProcedure } from '../run/run.ts';
import { configurationBackup } from './backup.ts';

const sessionSeconds = 3600;

/** Something that changes all the time gives a backup every five minutes, not every ten seconds. */
const pauseSeconds = 300;
const longestPauseSeconds = 6 * 3600;

export async function configWatch(...given: Given<ConfigWatchInput>): Promise<number> {
  return runProcedure<ConfigWatchInput, number>(given, {
    body: async ({ appliance, input, display }) => {
      let failures = input.failures ?? 0;
      while (!workflowInfo().continueAsNewSuggested) failures = await session(failures, appliance, display);
      return failures;
    },
    again: (failures) => ({ failures }),
  });
}

/** Waits for one change and has it backed up. Gives how many sessions have failed since the last one that did not. */
async function session(failures: number, appliance: ApplianceView, display: RunDisplay): Promise<number> {
  display.state({ status: 'watching' });
  try {
    const changed = await firstChange(appliance);
    if (changed.length > 0) await backUp(appliance, changed, display);
    if (changed.length > 0) await sleep(pauseSeconds * 1000, { summary: 'between two backups' });
    return 0;
  } catch (error) {
    if (isCancellation(error)) throw error;
    await tellFailure(error, { appliance, display, isFirst: failures === 0 });
    const pause = Math.min(longestPauseSeconds, pauseSeconds * 2 ** Math.min(failures, 10));
    await sleep(pause * 1000, { summary: `after ${rootCode(error)}` });
    return failures + 1;
  }
}

/** Every host watches its own; the first change ends the watch of all. */
async function firstChange({ components }: ApplianceView): Promise<string[]> {
  const watched = components.filter(({ tier, kind }) => tier === 'configuration' && kind === 'files');
  const hosts = [...new Set(watched.map(({ host }) => host))];
  const scope = new CancellationScope();
  return scope.run(async () => {
    try {
      return await Promise.race(
        hosts.map(async (host) =>
          watch(
            { role: 'files', host },
            { id: `watch:${host}`, summary: `watch the configuration on ${host}` },
          ).awaitChange({
            components: watched.filter((each) => each.host === host).map(({ id }) => id),
            seconds: sessionSeconds,
          }),
        ),
      );
    } finally {
      if (hosts.length > 1) scope.cancel();
    }
  });
}

/** Its own failure is told by the backup itself; here it only makes the next one wait longer. */
async function backUp(appliance: ApplianceView, changed: readonly string[], display: RunDisplay): Promise<void> {
  const reason = `changed: ${changed.join(', ')}`;
  display.state({ status: 'backing_up' });
  display.note(reason);
  const child = await startChild(configurationBackup, {
    workflowId: `configurationBackup/${appliance.name}/${new Date().toISOString()}`,
    ...childAttributes('configurationBackup'),
    args: [{ requestedBy: workflowInfo().workflowId, reason }],
    staticSummary: `configuration backup of ${appliance.name}, ${reason}`.slice(0, 200),
  });
  await child.result();
}

async function tellFailure(
  error: unknown,
  {
    appliance,
    display,
    isFirst,
  }: { readonly appliance: ApplianceView; readonly display: RunDisplay; readonly isFirst: boolean },
): Promise<void> {
  const text = `changes of the configuration are not backed up: ${failureText(error)}`;
  display.state({ status: 'failing' });
  display.note(text.slice(0, 300));
  if (isFirst)
    await notify(appliance.name, {
      topic: `failing-${Date.now()}`,
      severity: 'warning',
      text: `${appliance.name}: ${text}`,
    });
}
