/** Tells whether the configured server is what a component stands for, one server with all of the data; what else it may be, and what that means. */
import type { Redis } from 'ioredis';
import type { RedisConfig } from '../../domain/appliance.ts';
import { LifeboatError } from '../../domain/errors.ts';
import { plural } from '../../domain/plural.ts';
import { refusalOf } from './commands.ts';
import { describeEndpoint, info, type Endpoint } from './connection.ts';

export interface Replica {
  /** `host:port` of the primary, as the replica knows it. */
  readonly primary: string;
  readonly link: 'up' | 'down' | 'syncing';
  /** Since the link was lost; 0 while it is up. */
  readonly downSeconds: number;
  /** Since the primary was last heard of; an idle one is heard of every ten seconds. */
  readonly lagSeconds: number;
  /** Received and not applied yet. */
  readonly lagBytes: number;
}

export interface Deployment {
  /** Undefined for a primary. */
  readonly replica: Replica | undefined;
  readonly isClusterNode: boolean;
  /** The address is that of a Sentinel, which has no data. */
  readonly isSentinel: boolean;
  /** A Sentinel listens for other ones on the server: it makes another server the primary while this one is stopped. */
  readonly isWatched: boolean;
}

export async function deploymentOf(client: Redis): Promise<Deployment> {
  const { redis_mode: mode } = await info(client, 'server');
  const isSentinel = mode === 'sentinel';
  return {
    replica: isSentinel ? undefined : await replicaOf(client),
    isClusterNode: mode === 'cluster',
    isSentinel,
    isWatched: !isSentinel && (await isWatched(client)),
  };
}

export async function replicaOf(client: Redis): Promise<Replica | undefined> {
  const fields = await info(client, 'replication');
  if (fields['role'] !== 'slave') return undefined;
  const number = (name: string): number => Number(fields[name] ?? 0);
  const link = fields['master_sync_in_progress'] === '1' ? 'syncing' : fields['master_link_status'];
  return {
    primary: `${fields['master_host'] ?? 'unknown'}:${fields['master_port'] ?? '0'}`,
    link: link === 'up' || link === 'syncing' ? link : 'down',
    downSeconds: Math.max(0, number('master_link_down_since_seconds')),
    lagSeconds: Math.max(0, number('master_last_io_seconds_ago')),
    // Before Redis 7 only one of them is told.
    lagBytes: Math.max(0, number('slave_read_repl_offset') - number('slave_repl_offset')),
  };
}

/** False where the server may not be asked: then nothing is known of it. */
async function isWatched(client: Redis): Promise<boolean> {
  try {
    const answer: unknown = await client.call('PUBSUB', 'NUMSUB', '__sentinel__:hello');
    return Array.isArray(answer) && Number(answer[1]) > 0;
  } catch (error) {
    if (error instanceof Error && refusalOf(error.message) !== undefined) return false;
    throw error;
  }
}

export interface Concern {
  readonly text: string;
  readonly hint: string;
}

/** Why the server cannot be captured; undefined where it can. */
export function unfitness(
  { isSentinel, replica }: Pick<Deployment, 'isSentinel' | 'replica'>,
  endpoint: Endpoint,
): (Concern & { readonly code: 'ConfigInvalid' | 'EngineUnavailable' }) | undefined {
  const { component } = endpoint;
  const where = describeEndpoint(endpoint);
  if (isSentinel)
    return {
      code: 'ConfigInvalid',
      text: `at ${where} is a Sentinel, which holds no data`,
      hint: `\`hostname\` and \`port\` of \`${component}\` must be those of the Redis server itself`,
    };
  if (replica === undefined || replica.link === 'up') return undefined;
  return {
    code: 'EngineUnavailable',
    text: `Redis at ${where} ${staleText(replica)}`,
    hint: staleHint(replica, component),
  };
}

/** ConfigInvalid for a Sentinel, EngineUnavailable for a replica that is not connected: its keys are of an unknown age. */
export function refuseUnfit(deployment: Pick<Deployment, 'isSentinel' | 'replica'>, endpoint: Endpoint): void {
  const unfit = unfitness(deployment, endpoint);
  if (unfit === undefined) return;
  throw new LifeboatError(unfit.code, unfit.text, { component: endpoint.component, hint: unfit.hint });
}

/** What is told of a replica whose link is not up. */
function staleText({ primary, link, downSeconds }: Replica): string {
  return link === 'syncing'
    ? `is a replica of ${primary} and still copies its data`
    : `is a replica of ${primary} without a link to it${downSeconds > 0 ? ` for ${downSeconds} s` : ''}: its keys are old`;
}

function staleHint({ primary, link }: Replica, component: string): string {
  return link === 'syncing'
    ? 'wait until INFO replication says master_link_status:up'
    : `repair the link (\`masterauth\`, the network, the primary), or back up the primary: set \`hostname\` and \`port\` of \`${component}\` to ${primary}; if it is lost for good, make this one the primary (REPLICAOF NO ONE)`;
}

/** What does not stop a capture, but must be known of it. */
export function concernsOf({ replica, isClusterNode, isWatched: watched }: Deployment, { id }: RedisConfig): Concern[] {
  const concerns: Concern[] = [];
  if (replica !== undefined) {
    const lag = `heard of it ${replica.lagSeconds} s ago, ${plural(replica.lagBytes, 'byte')} not applied yet`;
    concerns.push({
      text: `the server is a replica of ${replica.primary} (${lag})`,
      hint: `a restore must go to the primary: better back it up, with \`hostname\` and \`port\` of \`${id}\` set to ${replica.primary}`,
    });
  }
  if (isClusterNode)
    concerns.push({
      text: 'the server is one node of a cluster: only the keys of its slots are captured',
      hint: 'every primary of the cluster needs a component; a restore into a cluster is refused: restore to a server with `cluster-enabled no`, then use `redis-cli --cluster import`',
    });
  if (watched)
    concerns.push({
      text: 'a Sentinel watches the server: while a restore has it stopped, another one becomes the primary, and the restored one its replica, without the restored keys',
      hint: 'before a restore stop the Sentinels, or run SENTINEL REMOVE on each of them',
    });
  return concerns;
}
