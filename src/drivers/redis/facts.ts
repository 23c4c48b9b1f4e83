/** What is sealed with a Redis component: how its files must lie, and what a restored engine must show. */
import { reservedFolder } from '../../domain/entry.ts';
import { LifeboatError } from '../../domain/errors.ts';
import type { RestoreContext } from '../driver.ts';

export const dumpPath = 'dump.rdb';
/** Captured configuration files lie below it by their absolute paths. */
export const configFolder = 'config';
export const factsPath = `${reservedFolder}/facts.json`;

export interface RedisFacts {
  readonly serverVersion: string;
  readonly rdbVersion: number;
  readonly keys: number;
  readonly expiring: number;
  readonly functions: number;
  readonly dumpBytes: number;
  /** Memory of the dataset on the captured server, bytes: what loading it needs. */
  readonly memoryBytes: number;
  readonly dumpName: string;
  readonly appendOnly: boolean;
  readonly appendFolder: string;
  readonly appendName: string;
  /** Data directory's and dump's owner; undefined where the directory is not on this host. */
  readonly owner:
    | {
        readonly mode: number;
        readonly uid: number;
        readonly gid: number;
        readonly user?: string;
        readonly group?: string;
      }
    | undefined;
  readonly configFiles: readonly string[];
}

/** Trusted once read: the index is authenticated. ObjectMissing where the component has none. */
export async function readFacts({
  repository,
  record,
}: Pick<RestoreContext, 'repository' | 'record'>): Promise<RedisFacts> {
  const bytes = await repository.readFile(record.indexId, factsPath);
  if (bytes === undefined)
    throw new LifeboatError('ObjectMissing', `the recovery point has no \`${factsPath}\``, { component: record.id });
  return JSON.parse(Buffer.from(bytes).toString('utf8')) as RedisFacts;
}
