/** The appliance as configuration describes it, parsed and with every default filled in. Durations in seconds. */
import type { ComponentKind, Priority, Tier } from './component.ts';
import type { RetentionLimits } from './retention.ts';
import type { ChannelConfig } from './channel.ts';
import type { SecretRef } from './secret-ref.ts';
import type { Schedules } from './schedules.ts';

export interface Appliance {
  readonly name: string;
  /** Names that it had before: recovery points that bear them are its own. */
  readonly formerNames: readonly string[];
  readonly host: string;
  readonly stateDir: string;
  readonly objectives: {
    readonly rpoSeconds: Readonly<Record<Tier, number>>;
    /** The greatest age of the newest verified copy, in each place. */
    readonly verifiedSeconds: number;
    readonly rtoSeconds: { readonly critical: number; readonly full: number; readonly monitoring: number };
  };
  readonly repository: RepositoryConfig;
  /** Further places that hold a copy of the repository. */
  readonly locations: readonly LocationConfig[];
  readonly temporal: {
    readonly address: string;
    readonly namespace: string;
    readonly taskQueue: string;
    readonly uiUrl: string;
    /** In clear where undefined, unless an API key is given. */
    readonly tls: TlsConfig | undefined;
    readonly apiKey: SecretRef | undefined;
    /** Which of `services` is the server itself: what stops it cannot be run by it. */
    readonly service: string | undefined;
  };
  /** `host:port` of the worker's `/metrics`; undefined where nothing is served. */
  readonly metrics: { readonly listen: string | undefined };
  readonly verification: { readonly afterBackup: boolean };
  readonly notify: { readonly channels: readonly ChannelConfig[] };
  readonly schedules: Schedules;
  readonly platform: PlatformConfig;
  readonly services: readonly ServiceConfig[];
  readonly components: readonly ComponentConfig[];
}

export interface RepositoryConfig {
  readonly path: string;
  readonly encryption: { readonly mode: 'key' | 'passphrase'; readonly secret: SecretRef } | { readonly mode: 'none' };
  /** Bytes that must stay free on the repository's disk. */
  readonly reserveBytes: number;
  /** What it may hold. */
  readonly capacityBytes: number;
  readonly retention: RetentionLimits;
}

interface LocationBase {
  readonly name: string;
  /** Whether it outlives the loss of this host. */
  readonly offHost: boolean;
  readonly capacityBytes: number;
  readonly retention: RetentionLimits;
}

export interface S3LocationConfig extends LocationBase {
  readonly kind: 's3';
  readonly bucket: string;
  /** Empty for the bucket itself. */
  readonly prefix: string;
  readonly region: string;
  readonly endpoint: string | undefined;
  readonly pathStyle: boolean;
  readonly accessKey: SecretRef | undefined;
  readonly secretKey: SecretRef | undefined;
  /** The storage class of packs; empty leaves it to the bucket. */
  readonly storageClass: string;
  readonly sse: 'AES256' | 'none';
}

export interface LocalLocationConfig extends LocationBase {
  readonly kind: 'local';
  readonly path: string;
}

export interface SshLocationConfig extends LocationBase {
  readonly kind: 'ssh';
  readonly hostname: string;
  readonly port: number;
  readonly user: string;
  readonly keyFile: string;
  readonly passphrase: SecretRef | undefined;
  readonly hostKey: string;
  /** Absolute folder on the server. */
  readonly path: string;
}

export type LocationConfig = S3LocationConfig | LocalLocationConfig | SshLocationConfig;

interface ComponentBase {
  readonly id: string;
  readonly kind: ComponentKind;
  readonly host: string;
  readonly tier: Tier;
  readonly priority: Priority;
  /** Services that must be stopped while this component is swapped: the engine itself first in start order. */
  readonly services: readonly string[];
}

/** How to speak TLS with a server, and whom to believe. Paths of PEM files. */
export interface TlsConfig {
  /** Who signed the server's certificate; the authorities of Node where absent. */
  readonly ca: string | undefined;
  /** Our own certificate and its key, for a server that asks for one. */
  readonly cert: string | undefined;
  readonly key: string | undefined;
  /** Whom the certificate names; `hostname` where absent. */
  readonly serverName: string | undefined;
}

export interface PostgresConfig extends ComponentBase {
  readonly kind: 'postgres';
  readonly hostname: string;
  readonly port: number;
  readonly user: string;
  readonly password: SecretRef | undefined;
  /** In clear where absent. */
  readonly tls: TlsConfig | undefined;
  /** Database whose tables are probed (`wazuh_chat`). The replication session always connects to `postgres`. */
  readonly database: string;
  /** Live data directory on this host. */
  readonly dataDirectory: string;
  /** Folder with postgres, pg_ctl of the server's major; found by itself when absent. */
  readonly binDirectory: string | undefined;
  /** Unix user that owns the data directory and runs the private server; by default the owner of the data directory. */
  readonly osUser: string | undefined;
  /** Tables up to this size are fingerprinted by content, larger ones by count and first blocks. Bytes. */
  readonly fingerprintUpTo: number;
  readonly wal: WalConfig;
}

/** Continuous archiving of the write-ahead log. */
export interface WalConfig {
  readonly archive: boolean;
  /** Name of the physical slot: lower case letters, digits, underscores. */
  readonly slot: string;
  /** What came is sealed at latest after this, seconds. */
  readonly sealEverySeconds: number;
  /** Above this forecast an incremental backup captures a new base, seconds. */
  readonly replayLimitSeconds: number;
  /** Location that must hold it before the slot moves on; the repository where undefined. */
  readonly ackLocation: string | undefined;
  /** Accepted instead of the server's own limit. */
  readonly slotGuard: SlotGuard | undefined;
}

/** The slot is dropped where both are true of the disk of the database. Bytes. */
export interface SlotGuard {
  readonly freeBelowBytes: number;
  /** Dropping it would not help much where less waits. */
  readonly heldAboveBytes: number;
}

export interface RedisConfig extends ComponentBase {
  readonly kind: 'redis';
  readonly hostname: string;
  readonly port: number;
  readonly username: string | undefined;
  readonly password: SecretRef | undefined;
  /** In clear where absent. */
  readonly tls: TlsConfig | undefined;
  /** Live `dir` on this host: where dump.rdb and appendonlydir lie. */
  readonly dataDirectory: string;
  /** redis.conf, aclfile and modules, captured with it. */
  readonly configFiles: readonly string[];
  readonly serverBinary: string | undefined;
}

export interface VectorstoreConfig extends ComponentBase {
  readonly kind: 'vectorstore';
  readonly path: string;
  /** Window without change that proves the three files belong together, seconds. */
  readonly quietSeconds: number;
  /** Memory limit of the child process that loads the index, bytes. */
  readonly memoryLimit: number;
  readonly embeddingModel: string | undefined;
  /** Asks the application to build it anew, and ends when that is done. */
  readonly rebuild: { readonly command: readonly string[]; readonly timeoutSeconds: number } | undefined;
}

export interface ModelsConfig extends ComponentBase {
  readonly kind: 'models';
  readonly path: string;
  readonly memoryLimit: number;
}

export interface FilesConfig extends ComponentBase {
  readonly kind: 'files';
  /** Absolute files or directories. */
  readonly paths: readonly string[];
  readonly exclude: readonly string[];
}

export type ComponentConfig = PostgresConfig | RedisConfig | VectorstoreConfig | ModelsConfig | FilesConfig;

/** What runs the services of an appliance: programs on this host. */
export interface PlatformConfig {
  readonly kind: 'process';
}

export interface ServiceConfig {
  readonly name: string;
  /** Services that must be ready before this one starts, and stop after it. */
  readonly dependsOn: readonly string[];
  readonly run:
    | {
        readonly kind: 'process';
        readonly command: readonly string[];
        readonly cwd: string | undefined;
        readonly env: Readonly<Record<string, string>>;
        readonly user: string | undefined;
        readonly pidFile: string;
        readonly logFile: string;
        readonly stopSignal: 'SIGTERM' | 'SIGINT' | 'SIGQUIT';
      }
    | {
        readonly kind: 'commands';
        readonly start: readonly string[];
        readonly stop: readonly string[];
        /** Exit code 0 means running. */
        readonly isRunning: readonly string[];
      };
  readonly ready: ReadinessCheck;
  readonly stopTimeoutSeconds: number;
  readonly startTimeoutSeconds: number;
}

/** How readiness of a running service is seen. */
export type ReadinessCheck =
  /** The server of a component takes work, by its own word: its port may accept while it still starts. */
  | { readonly kind: 'engine'; readonly component: string; readonly host: string; readonly port: number }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  /** HTTP 200, whatever the body says. */
  | { readonly kind: 'http'; readonly url: string }
  /** The companion's health page, which answers with HTTP 200 while it is unhealthy: the body decides. */
  | { readonly kind: 'health'; readonly url: string }
  /** Exit code 0 of a program that runs where the service runs. */
  | { readonly kind: 'command'; readonly command: readonly string[] }
  | { readonly kind: 'running' };
