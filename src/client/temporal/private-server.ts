/** The private server that a command with `--standalone` left running with its worker, for runs that were not over. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { Appliance } from '../../domain/appliance.ts';
import { parseJson } from '../../json/parse-json.ts';

export interface PrivateServer {
  readonly address: string;
  /** Process ids; 0 where none was started. */
  readonly server: number;
  readonly worker: number;
  /** They were told to end: the next command waits for that and begins anew. */
  readonly isEnding?: boolean;
}

export const noServer: PrivateServer = { address: '', server: 0, worker: 0 };

export const privateServerFolder = ({ stateDir }: Pick<Appliance, 'stateDir'>): string => join(stateDir, 'standalone');

export const privateServerFile = (folder: string): string => join(folder, 'processes.json');

const schema = z.object({
  address: z.string().default(''),
  server: z.int().nonnegative().default(0),
  worker: z.int().nonnegative().default(0),
  isEnding: z.boolean().exactOptional(),
});

/** As it was noted last; `noServer` where there is no note. */
export function readPrivateServer(folder: string): PrivateServer {
  try {
    return schema.parse(parseJson(readFileSync(privateServerFile(folder), 'utf8')));
  } catch {
    return noServer;
  }
}

/** Its address while it runs; undefined else. */
export function runningPrivateServer(appliance: Pick<Appliance, 'stateDir'>): string | undefined {
  const { address, server, isEnding } = readPrivateServer(privateServerFolder(appliance));
  if (server === 0 || isEnding === true) return undefined;
  try {
    process.kill(server, 0);
    return address;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM' ? address : undefined;
  }
}
