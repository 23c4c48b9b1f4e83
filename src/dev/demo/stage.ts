/** Everything that the demo runs on: Temporal, the appliance's engines, a worker. Made anew or opened again. */
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { backupIdOf } from '../../domain/recovery-point.ts';
import { LifeboatError } from '../../domain/errors.ts';
import { loadConfiguration } from '../../config/load.ts';
import type { Appliance } from '../../domain/appliance.ts';
import { wireParts } from '../../../workers/parts.ts';
import { parseJson } from '../../json/parse-json.ts';
import type { Platform } from '../../platform/platform.ts';
import { describeAppliance, type SampleAppliance } from '../appliance/description.ts';
import { renderLifeboatYaml } from '../appliance/lifeboat-yaml.ts';
import { prepareAppliance } from '../appliance/prepare.ts';
import { findPostgresBin, findRedisServer } from '../engines.ts';
import { stateFolder } from '../folders.ts';
import { freePorts } from '../free-ports.ts';
import { markRunPlace } from '../run-place.ts';
import { startS3, type RunningS3 } from '../s3.ts';
import { startTemporal, type RunningTemporal } from '../temporal.ts';
import { forgetOldStates } from './old-states.ts';
import { say } from './say.ts';
import { startWorkerProcess, type WorkerProcess } from './worker-process.ts';

export interface Stage {
  readonly sample: SampleAppliance;
  readonly appliance: Appliance;
  readonly configFile: string;
  readonly platform: Platform;
  readonly temporal: RunningTemporal;
  startWorker(): Promise<WorkerProcess>;
  /** Kills the workers and deletes what Lifeboat keeps on this host, its repository too; the configuration stays. */
  loseHost(): Promise<void>;
  /** Stops worker, services and server, in this order; may be called again. */
  stop(): Promise<void>;
}

/** Demo states that are kept, this one included: the last one can be opened again. */
const statesKept = 2;
const ports = 'description.json';

interface Remembered {
  readonly temporal: { readonly port: number; readonly uiPort: number };
  readonly ports: SampleAppliance['ports'];
  readonly s3: { readonly port: number; readonly accessKey: string; readonly secretKey: string };
  readonly passwords: SampleAppliance['passwords'];
}

/** A new state folder with prepared engines; nothing of the appliance runs yet. */
export async function makeStage(now: Date): Promise<Stage> {
  const root = process.env['LIFEBOAT_DEMO_STATE'] ?? join(stateFolder(), 'demo');
  await mkdir(root, { recursive: true });
  await forgetOldStates(root, statesKept - 1, say);
  const folder = join(root, backupIdOf(now));
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const [temporalPort = 0, uiPort = 0, postgres = 0, redis = 0, app = 0, s3 = 0] = await freePorts(6);
  const secret = (): string => randomBytes(18).toString('base64url');
  const remembered: Remembered = {
    temporal: { port: temporalPort, uiPort },
    ports: { postgres, redis, app },
    s3: { port: s3, accessKey: 'lifeboat-demo', secretKey: secret() },
    passwords: { postgres: secret(), redis: secret() },
  };
  await writeFile(join(folder, ports), JSON.stringify(remembered), { mode: 0o600 });
  return build(folder, remembered, true);
}

/** The state of an earlier demo, on the same ports, so that its links lead to its runs again. */
export async function openStage(folder: string): Promise<Stage> {
  let remembered: Remembered;
  try {
    remembered = parseJson(await readFile(join(folder, ports), 'utf8')) as Remembered;
  } catch (error) {
    throw new LifeboatError('NotFound', `\`${folder}\` holds no state of a demo`, {
      hint: 'the summary of a demo prints the folder',
      cause: error,
    });
  }
  return build(folder, remembered, false);
}

async function build(folder: string, remembered: Remembered, fresh: boolean): Promise<Stage> {
  markRunPlace(folder);
  const temporal = await startTemporal({ directory: join(folder, 'temporal'), ...remembered.temporal });
  // Stands for a machine in another house: no disaster of the appliance reaches it.
  const offSite = await startS3({ directory: join(folder, 'off-site'), ...remembered.s3 });
  try {
    const sample = describeAppliance({
      stateFolder: folder,
      user: undefined,
      ports: remembered.ports,
      passwords: remembered.passwords,
      binaries: { node: process.execPath, postgresBin: findPostgresBin(), redisServer: findRedisServer() },
      temporal: { address: temporal.address, uiUrl: temporal.uiUrl },
      offSite: { ...remembered.s3, endpoint: `http://127.0.0.1:${offSite.port}`, bucket: offSite.settings.bucket },
      webhookUrl: undefined,
    });
    const configFile = join(folder, 'lifeboat.yaml');
    if (fresh) {
      await prepareAppliance(sample);
      await writeFile(configFile, renderLifeboatYaml(sample), { mode: 0o600 });
    }
    const { appliance } = await loadConfiguration(configFile);
    return assemble({ sample, appliance, configFile, temporal, offSite });
  } catch (error) {
    await offSite.stop();
    await temporal.stop();
    throw error;
  }
}

type Made = Pick<Stage, 'sample' | 'appliance' | 'configFile' | 'temporal'> & { readonly offSite: RunningS3 };

function assemble({ sample, appliance, configFile, temporal, offSite }: Made): Stage {
  const { platform } = wireParts(appliance);
  const workers: WorkerProcess[] = [];
  return {
    sample,
    appliance,
    configFile,
    platform,
    temporal,
    startWorker: async () => {
      const worker = await startWorkerProcess(configFile, join(sample.folders.run, 'worker.log'));
      workers.push(worker);
      return worker;
    },
    loseHost: async () => {
      await Promise.all(workers.splice(0).map(async (worker) => worker.kill()));
      for (const path of [sample.folders.repository, sample.folders.lifeboat])
        await rm(path, { recursive: true, force: true, maxRetries: 5 });
    },
    stop: async () => {
      await Promise.all(workers.splice(0).map(async (worker) => worker.stop()));
      for (const service of ['app', 'redis', 'postgres']) await platform.stop(service, AbortSignal.timeout(120_000));
      await offSite.stop();
      await temporal.stop();
    },
  };
}
