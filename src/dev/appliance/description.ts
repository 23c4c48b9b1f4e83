/**
 * The sample appliance: where its parts lie, on which ports they listen, which secrets they have. Pure data, so that
 * demo, traffic, disaster and tests speak of the same thing; nothing is started or written here.
 */
import { join } from 'node:path';

export interface SampleAppliance {
  readonly name: string;
  /** Everything below lies in here, but for the binaries. */
  readonly stateFolder: string;
  /** Unix user that runs engines and app where the demo is started by root. */
  readonly user: string | undefined;
  readonly folders: {
    /** Holds `data/`, log and sockets, as src/dev/postgres.ts lays them out. */
    readonly postgres: string;
    readonly postgresData: string;
    readonly redis: string;
    readonly redisData: string;
    readonly vectorstore: string;
    readonly models: string;
    readonly configuration: string;
    /** Pid files and logs. */
    readonly run: string;
    readonly repository: string;
    /** Lifeboat's own state. */
    readonly lifeboat: string;
    /** Password files that lifeboat.yaml names, and the repository's key: outside of what a disaster deletes. */
    readonly secrets: string;
    /** Acknowledged writes of the traffic: outside of the appliance. */
    readonly acknowledgements: string;
  };
  readonly ports: { readonly postgres: number; readonly redis: number; readonly app: number };
  readonly passwords: { readonly postgres: string; readonly redis: string };
  readonly binaries: { readonly node: string; readonly postgresBin: string; readonly redisServer: string };
  readonly temporal: { readonly address: string; readonly uiUrl: string };
  /** Server of a bucket that outlives the host; undefined where copies live nowhere else. */
  readonly offSite: OffSite | undefined;
  readonly webhookUrl: string | undefined;
  readonly embeddingModelName: string;
}

export interface OffSite {
  readonly endpoint: string;
  readonly bucket: string;
  readonly accessKey: string;
  readonly secretKey: string;
}

export type DescribeOptions = Pick<
  SampleAppliance,
  'stateFolder' | 'user' | 'ports' | 'passwords' | 'binaries' | 'temporal' | 'offSite' | 'webhookUrl'
>;

export function describeAppliance(options: DescribeOptions): SampleAppliance {
  const { stateFolder } = options;
  const appliance = join(stateFolder, 'appliance');
  return {
    ...options,
    name: 'wazuh-ai-companion',
    folders: {
      postgres: join(appliance, 'postgres'),
      postgresData: join(appliance, 'postgres', 'data'),
      redis: join(appliance, 'redis'),
      redisData: join(appliance, 'redis', 'data'),
      vectorstore: join(appliance, 'vectorstore'),
      models: join(appliance, 'models'),
      configuration: join(appliance, 'configuration'),
      run: join(stateFolder, 'run'),
      repository: join(stateFolder, 'backups'),
      lifeboat: join(stateFolder, 'lifeboat'),
      secrets: join(stateFolder, 'secrets'),
      acknowledgements: join(stateFolder, 'acknowledgements'),
    },
    embeddingModelName: 'all-MiniLM-L6-v2',
  };
}

export const databaseName = 'wazuh_chat';

export function appUrl({ ports }: Pick<SampleAppliance, 'ports'>): string {
  return `http://127.0.0.1:${ports.app}`;
}

export function embeddingModelPath({
  folders,
  embeddingModelName,
}: Pick<SampleAppliance, 'folders' | 'embeddingModelName'>): string {
  return join(folders.models, `${embeddingModelName}.Q8_0.gguf`);
}

/** The file from which the app reads its settings and secrets: part of the configuration that a disaster deletes. */
export function envFile({ folders }: Pick<SampleAppliance, 'folders'>): string {
  return join(folders.configuration, '.env');
}
