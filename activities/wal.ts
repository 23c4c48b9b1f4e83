/** The activity of WAL archiving, on the queue of the database's host. Killed anywhere, the next attempt goes on. */
import { archiveWal, type ArchiveResult } from '../src/operations/wal/archive.ts';
import { guardDatabase } from '../src/operations/wal/slot-guard.ts';
import { requireMounted } from '../src/operations/retention/mount-check.ts';
import type { Dependencies } from './dependencies.ts';
import { translated } from './call/failures.ts';
import { endlessBeatMs, withHeartbeat } from './call/heartbeat.ts';

export interface SessionRequest {
  /** Empty for the first session: the repository that lies there then is the one that all later ones must meet. */
  readonly repositoryId: string;
  readonly component: string;
  readonly seconds: number;
}

export type WalActivities = ReturnType<typeof createWalActivities>;

export function createWalActivities(deps: Dependencies) {
  return {
    async archiveWal(request: SessionRequest): Promise<ArchiveResult & { readonly repositoryId: string }> {
      const { component, repositoryId, seconds } = request;
      return translated(component, () =>
        withHeartbeat(async (beat) => {
          // First: the repository may be what stays away.
          await guardDatabase(await deps.driver(component));
          const repository = await deps.repository(repositoryId === '' ? undefined : repositoryId);
          const result = await archiveWal({
            repository,
            driver: await deps.driver(component),
            durationMs: seconds * 1000,
            stopping: deps.stopping,
            locations: deps.appliance.locations.map(({ name }) => ({
              name,
              storage: async () => {
                const place = await deps.storage(name);
                await requireMounted(repository, deps.appliance, name, place);
                return place;
              },
            })),
            ackLocation: ackLocationOf(deps, component),
            onProblem: (text) => deps.log.warn({ component }, text),
            onProgress: beat.report,
            signal: beat.signal,
          });
          return { ...result, repositoryId: repository.id };
        }, endlessBeatMs),
      );
    },
  };
}

function ackLocationOf({ appliance }: Dependencies, component: string): string | undefined {
  const config = appliance.components.find(({ id }) => id === component);
  return config?.kind === 'postgres' ? config.wal.ackLocation : undefined;
}
