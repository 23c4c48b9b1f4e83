/** One look of the watchdog, for cron or a timer: what is wrong, and what of it is news to people. */
import type { Appliance } from '../../domain/appliance.ts';
import type { Driver } from '../../drivers/driver.ts';
import type { Notifier } from '../../notify/notifier.ts';
import type { Repository } from '../../repository/repository.ts';
import { guardDatabases } from '../wal/slot-guard.ts';
import { watchdog } from '../rpo/watchdog.ts';
import { tellOfWatchdog } from './channels.ts';

export interface WatchdogParts {
  readonly appliance: Appliance;
  readonly repository: () => Promise<Repository>;
  readonly notifier: Notifier;
  readonly driver: (component: string) => Promise<Driver>;
}

export interface WatchdogLook {
  readonly problems: readonly string[];
  readonly news: readonly string[];
  /** Delivers the news over every channel. NotifyFailed; then the next look says them again. */
  readonly tell: () => Promise<void>;
}

export async function watchOnce(
  { appliance, repository, notifier, driver }: WatchdogParts,
  now: Date,
): Promise<WatchdogLook> {
  // Nobody else may be there to do it.
  const guarded = await guardDatabases(appliance, driver);
  const seen = await watchdog(repository, appliance, now);
  const news = [...guarded.news, ...seen.news];
  return {
    problems: [...guarded.news, ...seen.problems],
    news,
    tell: async () => {
      for (const text of news) await tellOfWatchdog(notifier, appliance.name, text);
      // Not before it was delivered: the next look says it again.
      await guarded.told();
      await seen.told();
    },
  };
}
