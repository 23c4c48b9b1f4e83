/** How many requests for work the workers of idle appliances keep open at the server. */
import { setTimeout as delay } from 'node:timers/promises';
import type { FleetStage } from './stage.ts';
import { startFleetWorker } from './worker-process.ts';

/** Each for one appliance. */
export interface OpenPolls {
  readonly appliances: number;
  readonly workflow: number;
  readonly activity: number;
  /** Memory of the server, for them and for the queues that they ask. */
  readonly serverBytes: number;
}

const most = 10;
/** A request for work that finds none comes back after a minute, and is made again: it is open whenever somebody looks. */
const settledMs = 20_000;

/** While nothing else asks this server. */
export async function measureOpenPolls({ look, settings }: FleetStage): Promise<OpenPolls> {
  const appliances = Math.min(most, settings.appliances);
  const before = await look();
  const worker = await startFleetWorker('poll', { ...settings, appliances });
  try {
    await delay(settledMs);
    const { counts, server } = await look();
    const { workflow, activity } = counts.openPolls;
    return {
      appliances,
      workflow: workflow / appliances,
      activity: activity / appliances,
      serverBytes: (server.rssBytes - before.server.rssBytes) / appliances,
    };
  } finally {
    await worker.kill();
  }
}
