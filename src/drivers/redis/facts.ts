/** What is sealed with a Redis component: how its files must lie, and what a restored engine must show. */
import { basename } from 'node:path';
import { reservedFolder } from '../../domain/entry.ts';
import { LifeboatError } from '../../domain/errors.ts';
import { parseJson } from '../../json/parse-json.ts';
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
  /** What the server says that it was started with; a point of an older version has none. */
  readonly configFile?: string;
}

/** ObjectMissing where the component has none; ManifestInvalid where its names lead out of the data directory. */
export async function readFacts({
  repository,
  record,
}: Pick<RestoreContext, 'repository' | 'record'>): Promise<RedisFacts> {
  const bytes = await repository.readFile(record.indexId, factsPath);
  if (bytes === undefined)
    throw new LifeboatError('ObjectMissing', `the recovery point has no \`${factsPath}\``, { component: record.id });
  const facts = parseJson(Buffer.from(bytes).toString('utf8')) as RedisFacts;
  refusePaths(facts, record.id);
  return facts;
}

/** Whoever has the key of the repository, or an open one, may have written them, or the captured configuration file that has them. */
export function refusePaths(
  { dumpName, appendFolder, appendName }: Pick<RedisFacts, 'dumpName' | 'appendFolder' | 'appendName'>,
  component: string,
): void {
  for (const name of [dumpName, appendFolder, appendName]) {
    if (basename(name) !== name || ['', '.', '..'].includes(name))
      throw new LifeboatError('ManifestInvalid', `\`${name}\` is no name of a file in the data directory`, {
        component,
      });
  }
}
