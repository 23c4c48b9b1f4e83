/**
 * A small stage for faults: real Temporal, real workers as processes, an appliance of files alone. `bytes` decides how
 * long its byte phases last.
 */
import { quietSchedules } from '../../src/dev/appliance/quiet-schedules.ts';
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { parseConfiguration } from '../../src/config/load.ts';
import type { Appliance } from '../../src/domain/appliance.ts';
import { startWorkerProcess, type WorkerProcess } from '../../src/dev/demo/worker-process.ts';
import type { RunningTemporal } from '../../src/dev/temporal.ts';
import { initRepository } from '../../src/repository/init.ts';
import { generateKey } from '../../src/repository/recovery-key.ts';
import { createLocalStorage } from '../../src/storage/local/local-storage.ts';
import { startTemporal } from './engines.ts';
import { temporaryFolder } from './temporary-folder.ts';

export interface LeanStage {
  readonly folder: string;
  readonly configFile: string;
  readonly appliance: Appliance;
  readonly data: string;
  readonly repository: string;
  readonly client: Client;
  readonly temporal: RunningTemporal;
  /** SHA-256 of the big file as it was made. */
  readonly digest: string;
  startWorker(env?: Readonly<Record<string, string>>): Promise<WorkerProcess>;
  /** Stops the server and starts it again on its database and ports; with `ownTemporal`. */
  restartTemporal(): Promise<void>;
  stop(): Promise<void>;
}

/** `ownTemporal`: a server that the test may stop and restart. */
export async function startLeanStage(
  bytes: number,
  more = '',
  { ownTemporal = false }: { readonly ownTemporal?: boolean } = {},
): Promise<LeanStage> {
  const folder = await temporaryFolder('drill');
  const directory = join(folder.path, 'temporal');
  let temporal = await startTemporal(ownTemporal ? { directory } : {});
  const data = join(folder.path, 'data');
  const repository = join(folder.path, 'backups');
  for (const path of [data, join(folder.path, 'state')]) await mkdir(path);
  const digest = await writeRandom(join(data, 'big.bin'), bytes);
  await writeFile(join(data, 'small.conf'), 'password=canary-in-file\n');
  const key = join(folder.path, 'key');
  await writeFile(key, generateKey(), { mode: 0o600 });
  const configFile = join(folder.path, 'lifeboat.yaml');
  const text = `appliance: lean
state: ${join(folder.path, 'state')}
repository: { path: ${repository}, reserve: 1MB, encryption: { key: { file: ${key} } } }
temporal: { address: '${temporal.address}', namespace: ${temporal.namespace} }
schedules: ${JSON.stringify(quietSchedules('backup-full'))}
verification: { afterBackup: false }
metrics: { listen: off }
components: { data: { kind: files, paths: [${data}] } }
${more}`;
  await writeFile(configFile, text);
  const { appliance } = parseConfiguration(text, configFile);
  await (
    await initRepository(createLocalStorage(repository), { mode: 'key', key: await readFile(key, 'utf8') })
  ).repository.close();
  const connection = await Connection.connect({ address: temporal.address });
  const workers: WorkerProcess[] = [];
  return {
    folder: folder.path,
    configFile,
    appliance,
    data,
    repository,
    client: new Client({ connection, namespace: temporal.namespace }),
    temporal,
    digest,
    startWorker: async (env = {}) => {
      const worker = await startWorkerProcess(configFile, join(folder.path, 'worker.log'), env);
      workers.push(worker);
      return worker;
    },
    restartTemporal: async () => {
      const { port, uiPort } = temporal;
      await temporal.stop();
      temporal = await startTemporal({ directory, port, uiPort });
    },
    stop: async () => {
      await Promise.all(workers.map(async (worker) => worker.stop()));
      await connection.close();
      await temporal.stop();
      await folder.remove();
    },
  };
}

async function writeRandom(path: string, bytes: number): Promise<string> {
  const hash = createHash('sha256');
  const file = await open(path, 'w');
  try {
    for (let left = bytes; left > 0; left -= 2 ** 20) {
      const block = randomBytes(Math.min(left, 2 ** 20));
      hash.update(block);
      await file.write(block);
    }
  } finally {
    await file.close();
  }
  return hash.digest('hex');
}

export async function sha256Of(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
}
