/** What the activities work with: the parts of workers/parts.ts, and what workers/wire.ts adds to them. */
import type { Client } from '@temporalio/client';
import type { Logger } from 'pino';
import type { Appliance } from '../src/domain/appliance.ts';
import type { Driver } from '../src/drivers/driver.ts';
import type { Notifier } from '../src/notify/notifier.ts';
import type { Platform } from '../src/platform/platform.ts';
import type { Repository } from '../src/repository/repository.ts';
import type { Storage } from '../src/storage/storage.ts';

export interface Dependencies {
  readonly appliance: Appliance;
  /**
   * Opens once and keeps it open: the repository, or its copy in a location. RepositoryMismatch if `expectedId` is given
   * and another one lies there.
   */
  readonly repository: (expectedId?: string, location?: string) => Promise<Repository>;
  /** Where a location keeps its objects; the repository's own place without a name. NotFound. */
  readonly storage: (location?: string) => Promise<Storage>;
  /** NotFound for an unknown component. */
  readonly driver: (component: string) => Promise<Driver>;
  readonly platform: Platform;
  readonly notifier: Notifier;
  readonly client: Client;
  /** False where the search attributes could not be registered. */
  readonly searchable: boolean;
  /** When a schedule is due after one time and up to another. */
  readonly dueTimes: (scheduleId: string, from: Date, until: Date) => Promise<Date[]>;
  /** Starts again what is always on, where somebody ended it. */
  readonly keepContinuousRuns: () => Promise<void>;
  /** Aborted when this worker is asked to stop: what has no end of its own ends well, so that nobody waits for it. */
  readonly stopping: AbortSignal;
  readonly log: Logger;
  readonly observer: RunObserver;
}

/** Who counts what ended. May be told the same twice: an activity may run twice. */
export interface RunObserver {
  /** `type` of the workflow; state and seconds as its report says. */
  ran(type: string, state: string, seconds: number): void;
  /** A step of a restore ended: `stage`, `swap`, `probe` …, whatever the component. */
  stepped(step: string, seconds: number): void;
  /** So many due times of a schedule started nothing. */
  missed(scheduleId: string, count: number): void;
}
