/** Light activities that share the workflows' queue: what the configuration says, who holds the lock, messages out. */
import { WorkflowNotFoundError } from '@temporalio/client';
import type { ComponentKind, Tier } from '../src/domain/component.ts';
import { jitterOf } from '../src/domain/schedules.ts';
import { notificationOf, severityOf, type NotificationTexts } from '../src/domain/notification.ts';
import { checkArguments } from '../src/inputs/check-input.ts';
import type { WorkflowType } from '../src/domain/workflow-types.ts';
import { makeUndoPlan, type KeptView } from '../src/operations/restore/undo.ts';
import type { Dependencies } from './dependencies.ts';
import { translated } from './call/failures.ts';
import { withHeartbeat } from './call/heartbeat.ts';
import { lockHolder, type LockHolder } from './lock-holder.ts';
import type { RestorePlan } from '../src/domain/restore/types.ts';

/** What workflows need to know of the appliance: names, hosts, objectives. No paths, no secrets. */
export interface ApplianceView {
  readonly name: string;
  readonly host: string;
  readonly searchable: boolean;
  readonly rtoSeconds: { readonly critical: number; readonly full: number; readonly monitoring: number };
  readonly components: readonly {
    readonly id: string;
    readonly kind: ComponentKind;
    readonly host: string;
    readonly tier: Tier;
  }[];
  /** Names. */
  readonly locations: readonly string[];
  readonly verifyAfterBackup: boolean;
  /** By how much the schedule of this type of run may begin one later than its time. */
  readonly jitterSeconds: number;
}

/** What a run was given, to be checked before the run reads it. */
export interface GivenInput {
  readonly type: WorkflowType;
  /** One input, or none; anything may stand there. */
  readonly args: readonly unknown[];
}

export interface RunBasis extends ApplianceView {
  /** Checked. */
  readonly input: object;
}

export interface ChannelsView {
  readonly appliance: string;
  readonly searchable: boolean;
  /** Names. */
  readonly channels: readonly string[];
}

export type ControlActivities = ReturnType<typeof createControlActivities>;

export function createControlActivities({
  appliance,
  platform,
  client,
  notifier,
  searchable,
  dueTimes,
  observer,
}: Dependencies) {
  return {
    /** InputInvalid for an input that the workflow does not take. */
    async describeAppliance(given: GivenInput): Promise<RunBasis> {
      return translated(undefined, async () => ({
        name: appliance.name,
        host: appliance.host,
        searchable,
        rtoSeconds: appliance.objectives.rtoSeconds,
        components: appliance.components.map(({ id, kind, host, tier }) => ({ id, kind, host, tier })),
        locations: appliance.locations.map(({ name }) => name),
        verifyAfterBackup: appliance.verification.afterBackup,
        jitterSeconds: jitterOf(appliance, given.type),
        input: checkArguments(given.type, given.args, appliance),
      }));
    },

    /** `appliance` names the lock. */
    async lockHolder({ appliance: name }: { readonly appliance: string }): Promise<LockHolder> {
      return translated(undefined, async () => lockHolder(client, name));
    },

    async makeUndoPlan({
      kept,
      components,
      now,
      keepNew,
    }: {
      readonly kept: readonly KeptView[];
      readonly components: readonly string[];
      readonly now: string;
      readonly keepNew: boolean;
    }): Promise<RestorePlan> {
      return translated(undefined, async () =>
        makeUndoPlan({ appliance, platform }, kept, components, { now: new Date(now), keepNew }),
      );
    },

    async cancelRun({ workflowId }: { readonly workflowId: string }): Promise<void> {
      return translated(undefined, async () => {
        if (workflowId === '') return;
        try {
          await client.workflow.getHandle(workflowId).cancel();
        } catch (error) {
          if (!(error instanceof WorkflowNotFoundError)) throw error;
        }
      });
    },

    /** When a schedule was due since a time (ISO 8601): what it would have started was skipped, if the asker still ran. */
    async dueSince({ scheduleId, since }: { readonly scheduleId: string; readonly since: string }): Promise<string[]> {
      return translated(undefined, async () => {
        const due = await dueTimes(scheduleId, new Date(since), new Date());
        observer.missed(scheduleId, due.length);
        return due.map((time) => time.toISOString());
      });
    },

    /** Which channels are to deliver a message; and whose it is, for one that a person sends. */
    async channelsFor({ severity }: NotificationTexts): Promise<ChannelsView> {
      return translated(undefined, async () => ({
        appliance: appliance.name,
        searchable,
        channels: notifier.channelsFor(severityOf(severity)),
      }));
    },

    async deliver({ channel, ...told }: NotificationTexts & { readonly channel: string }): Promise<void> {
      return translated(undefined, () =>
        withHeartbeat(async (beat) => notifier.deliver(channel, notificationOf(told, appliance.name), beat.signal)),
      );
    },
  };
}
