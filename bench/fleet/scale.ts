/** From what one appliance asks of the server to a fleet of any size. Pure. */

/** What one appliance with the usual schedules costs: measured, or counted from the configuration. */
export interface Load {
  /** In a day. */
  readonly runs: number;
  readonly scheduledRuns: number;
  readonly events: number;
  readonly transitions: number;
  readonly writes: number;
  readonly actions: number;
  /** The server's database grows by this, histories, visibility and indexes. */
  readonly databaseBytes: number;
  /** Processor time of the server. */
  readonly cpuSeconds: number;
  /** What is always on costs this per second. */
  readonly idleCpu: number;
  readonly idleWrites: number;
  readonly idleActions: number;
  readonly schedules: number;
  readonly activityPolls: number;
}

/** Usual settings of Temporal 1.32, each per namespace. */
export const temporalDefaults = {
  /** `frontend.namespaceCount`: open polls of one kind, for each process of the frontend. */
  openPolls: 1200,
  /** `worker.schedulerNamespaceStartWorkflowRPS`: runs that schedules start in a second. */
  scheduledStarts: 30,
  /** Actions per second of a namespace of Temporal Cloud that has asked for no more. */
  cloudActions: 500,
} as const;

export interface FleetNeeds {
  readonly appliances: number;
  readonly schedules: number;
  readonly scheduledStartsPerSecond: number;
  readonly eventsPerSecond: number;
  readonly writesPerSecond: number;
  readonly actionsPerSecond: number;
  /** That the server keeps busy, as a mean over the day. */
  readonly processors: number;
  /** Size of the database with histories that are kept for a day. */
  readonly databaseBytes: number;
  readonly openPolls: number;
  /** Processes of the frontend, where the limit of each stays as it is. */
  readonly frontends: number;
  /** Namespaces, so that schedules start their runs as fast as these are due. */
  readonly namespacesForStarts: number;
  /** Seconds in which the full backups are started at best, in one namespace. */
  readonly startsOfFullsSeconds: number;
}

const daySeconds = 86_400;

export function needsOf(appliances: number, load: Load): FleetNeeds {
  const perSecond = (aDay: number): number => (appliances * aDay) / daySeconds;
  const starts = perSecond(load.scheduledRuns);
  const polls = appliances * load.activityPolls;
  return {
    appliances,
    schedules: appliances * load.schedules,
    scheduledStartsPerSecond: starts,
    eventsPerSecond: perSecond(load.events),
    writesPerSecond: perSecond(load.writes) + appliances * load.idleWrites,
    actionsPerSecond: perSecond(load.actions) + appliances * load.idleActions,
    processors: perSecond(load.cpuSeconds) + appliances * load.idleCpu,
    databaseBytes: appliances * load.databaseBytes,
    openPolls: polls,
    frontends: Math.ceil(polls / temporalDefaults.openPolls),
    namespacesForStarts: Math.ceil(starts / temporalDefaults.scheduledStarts),
    startsOfFullsSeconds: appliances / temporalDefaults.scheduledStarts,
  };
}

/**
 * Seconds over which the full backups of a fleet must be spread, so that their work and what runs beside them is not
 * more than the server does: it does `capacity` transitions per second, `beside` of them for the rest.
 */
export function spreadSeconds(
  appliances: number,
  transitionsOfFull: number,
  { capacity, beside }: { readonly capacity: number; readonly beside: number },
): number {
  return beside >= capacity ? Number.POSITIVE_INFINITY : (appliances * transitionsOfFull) / (capacity - beside);
}
