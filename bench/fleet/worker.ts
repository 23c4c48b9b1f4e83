/**
 * Workers of the simulated fleet in a process of their own. `serve`: one worker process with light activities for all
 * appliances. `poll`: the queues of some appliances, polled as each appliance's own worker polls them; nothing is ever in them.
 *
 *   node bench/fleet/worker.ts serve|poll '{"address":…,"namespace":…,"codePath":…,"appliances":…}'
 */
import { Client, Connection } from '@temporalio/client';
import { NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { readablePayloads } from '../../src/client/temporal/readable-payloads.ts';
import { roles } from '../../src/domain/component.ts';
import { controlLimits, roleLimits, timing } from '../../workers/polling.ts';
import { fleetActivities } from './activities.ts';
import { applianceName, taskQueue } from './appliance.ts';
import type { FleetWorkerSettings } from './worker-process.ts';

// Experimental Node features that we use on purpose are no news here.
process.removeAllListeners('warning');

const [mode, settings = ''] = process.argv.slice(2);
const { address, namespace, codePath, appliances } = JSON.parse(settings) as FleetWorkerSettings;

/** What one process serves is not limited by the slots of one appliance. */
const slots = 200;
const cachedWorkflows = 1000;

const silent = () => undefined;
Runtime.install({
  logger: { log: silent, trace: silent, debug: silent, info: silent, warn: silent, error: silent },
});
const connection = await NativeConnection.connect({ address });
const own = await Connection.connect({ address });
const activities = fleetActivities(new Client({ connection: own, namespace, dataConverter: readablePayloads }));
const common = { connection, namespace, ...timing, activities };
const workflowBundle = { codePath };
const workers = await Promise.all(mode === 'poll' ? polling() : serving());
const running = workers.map(async (worker) => worker.run());
process.stdout.write('ready\n');
await Promise.all(running);

function serving(): Promise<Worker>[] {
  return [
    Worker.create({
      ...common,
      taskQueue,
      workflowBundle,
      maxCachedWorkflows: cachedWorkflows,
      maxConcurrentActivityTaskExecutions: slots,
    }),
    ...roles.map(async (role) =>
      Worker.create({
        ...common,
        taskQueue: `${taskQueue}-${role}-main`,
        // Archiving and watching occupy a slot each for as long as they are on.
        maxConcurrentActivityTaskExecutions: slots + appliances,
      }),
    ),
  ];
}

function polling(): Promise<Worker>[] {
  const queues = Array.from({ length: appliances }, (_, number) => `poll-${applianceName(number)}`);
  return queues.flatMap((queue) => [
    Worker.create({ ...common, taskQueue: queue, workflowBundle, ...controlLimits }),
    ...roles.map(async (role) =>
      Worker.create({
        ...common,
        taskQueue: `${queue}-${role}-main`,
        ...roleLimits(role === 'database' || role === 'files' ? 1 : 0),
      }),
    ),
  ]);
}
