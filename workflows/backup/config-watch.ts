/**
 * Watches the configuration for ever, in shifts of an hour, and starts a configuration backup when something changed
 * (D2.3). Whether something did is asked of the newest recovery point, so a change made while nobody watched is seen.
 * `lifeboat backups run --type configuration` and the daily schedule do not wait for it.
 */
import {
  CancellationScope,
  continueAsNew,
  isCancellation,
  sleep,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import type { ApplianceView } from '../../activities/control.ts';
import { configurationBackup } from './backup.ts';
import { begin } from '../run/begin.ts';
import type { ConfigWatchInput, Given } from '../messages.ts';
import { notify } from '../run/notification.ts';
import { watch } from '../proxies.ts';
import { rootCode, rootMessage } from '../plan/runner.ts';
import { RunDisplay } from '../run/display.ts';

const shiftSeconds = 3600;
/** Something that changes all the time gives a backup every five minutes, not every ten seconds. */
const pauseSeconds = 300;
const longestPauseSeconds = 6 * 3600;

export async function configWatch(...given: Given<ConfigWatchInput>): Promise<void> {
  const display = new RunDisplay();
  const { appliance, input } = await begin(display, given);
  let failures = input.failures ?? 0;
  while (!workflowInfo().continueAsNewSuggested) {
    display.state('watching');
    try {
      const changed = await firstChange(appliance);
      if (changed.length > 0) await backUp(appliance, changed, display);
      failures = 0;
      if (changed.length > 0) await sleep(pauseSeconds * 1000, { summary: 'between two backups' });
    } catch (error) {
      if (isCancellation(error)) throw error;
      failures += 1;
      await tellFailure(error, { appliance, display, isFirst: failures === 1 });
      const pause = Math.min(longestPauseSeconds, pauseSeconds * 2 ** Math.min(failures - 1, 10));
      await sleep(pause * 1000, { summary: `after ${rootCode(error)}` });
    }
  }
  await continueAsNew<typeof configWatch>({ failures });
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
            { summary: `watch the configuration${hosts.length === 1 ? '' : ` on ${host}`}` },
          ).awaitChange({
            components: watched.filter((each) => each.host === host).map(({ id }) => id),
            seconds: shiftSeconds,
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
  display.state('backing up');
  display.note(reason);
  const child = await startChild(configurationBackup, {
    workflowId: `configurationBackup/${appliance.name}/${new Date().toISOString()}`,
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
  const text = `changes of the configuration are not backed up: ${rootCode(error)}: ${rootMessage(error)}`;
  display.state('failing');
  display.note(text.slice(0, 300));
  if (isFirst) await notify(`failing-${Date.now()}`, `${appliance.name}: ${text} (${workflowInfo().workflowId})`);
}
