/**
 * The schema of lifeboat.yaml. docs/configuration.md is generated from it (`npm run docs`): a key's own `describe` says
 * what it does, that of a leaf type below names the type. Unknown keys are errors: a misspelt key that is silently ignored is a backup that is not made.
 */
import { z } from 'zod';
import { isCron } from './cron.ts';
import { parseDuration, parseSize } from '../domain/duration.ts';
import { overlaps } from '../domain/appliance.ts';
import { tiers } from '../domain/component.ts';
import { scheduleKinds, type ScheduleKind, type ScheduleName } from '../domain/schedules.ts';

// `90` alone is a number in YAML: that a unit is missing is what its writer must hear.
const durationText = { error: 'a duration with a unit, for example `90s`, `15m`, `4h` or `30d`' };
const duration = z
  .string(durationText)
  .refine((text) => parseDuration(text) !== undefined, durationText)
  .transform((text) => parseDuration(text) ?? 0)
  .describe('duration');

const sizeText = { error: 'a size with a unit, for example `64MiB` or `500GB`' };
const size = z
  .string(sizeText)
  .refine((text) => parseSize(text) !== undefined, sizeText)
  .transform((text) => parseSize(text) ?? 0)
  .describe('size');

const day = 86_400;

const name = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,40}$/, { error: 'a name of lower case letters, digits and `-`, beginning with a letter' })
  .describe('name');
const absolutePath = z.string().regex(/^\//, { error: 'an absolute path' }).describe('absolute path');
const port = z.number().int().min(1).max(65_535).describe('port');
const argv = z.array(z.string()).min(1).describe('argument list');

export const secret = z
  .union([z.strictObject({ env: z.string().min(1) }), z.strictObject({ file: absolutePath }), z.string().min(1)])
  .describe('secret');

const endpoint = z
  .string()
  .regex(/^[^:\s]+:\d+$/, { error: '`host:port`' })
  .describe('`host:port`');
const url = z.url().describe('URL');

const tls = z
  .strictObject({
    ca: absolutePath.optional().describe('certificate of who signed the server’s; the usual authorities where absent'),
    cert: absolutePath.optional().describe('client certificate, for a server that asks for one'),
    key: absolutePath.optional().describe('key of the client certificate'),
    serverName: z.string().optional().describe('name in the server’s certificate, where it is not `hostname`'),
  })
  .refine(({ cert, key }) => (cert === undefined) === (key === undefined), { error: '`cert` and `key` together' })
  .describe('TLS settings');

const service = z
  .strictObject({
    dependsOn: z
      .array(name)
      .default([])
      .describe('services that must be ready before this one starts; it stops before them'),
    command: argv.optional().describe('what runs in the foreground; Lifeboat starts it and keeps its pid file and log'),
    cwd: absolutePath.optional().describe('working folder of `command`'),
    env: z.record(z.string(), z.string()).default({}).describe('environment variables for `command`'),
    user: z.string().optional().describe('unix user that runs `command` when the worker runs as root'),
    pidFile: absolutePath.optional().describe('pid file of `command`'),
    logFile: absolutePath.optional().describe('log file of `command`'),
    stopSignal: z
      .enum(['SIGTERM', 'SIGINT', 'SIGQUIT'])
      .default('SIGTERM')
      .describe('signal that asks `command` to end'),
    start: argv
      .optional()
      .describe('starts a service that somebody else keeps, for example `[systemctl, start, redis]`'),
    stop: argv.optional().describe('stops it'),
    isRunning: argv.optional().describe('exits 0 while it runs, 1 to 125 while it does not'),
    ready: z
      .union([
        z.strictObject({ engine: name }),
        z.strictObject({ tcp: endpoint }),
        z.strictObject({ health: url }),
        z.literal('running'),
      ])
      .default('running')
      .describe(
        'how readiness is seen: the server of a component takes work (its port may accept while it still starts), a port accepts, the body of a health page says so (200 while unhealthy is not ready), or that it runs',
      ),
    stopTimeout: duration.default(300).describe('longest time to stop'),
    startTimeout: duration.default(600).describe('longest time until ready'),
  })
  .describe('a service that is stopped and started around a restore');

const common = {
  host: name.default('main').describe('host on which the data lies; the worker of that host does the work'),
  tier: z
    .enum(tiers)
    .default('critical')
    .describe('which objective holds for its age; `monitoring` is restored apart from the core'),
  priority: z
    .number()
    .int()
    .min(1)
    .max(4)
    .default(1)
    .describe(
      '1 critical … 4 history, as the guide ranks services; recorded, the order of a restore comes from the graph',
    ),
  services: z
    .array(name)
    .default([])
    .describe('services that run on this data: they and their dependents stop while it is swapped'),
};

const postgres = z.strictObject({
  kind: z.literal('postgres'),
  ...common,
  hostname: z.string().default('127.0.0.1').describe('address of the server'),
  port: port.default(5432).describe('port of the server'),
  user: z
    .string()
    .default('postgres')
    .describe('role with LOGIN, REPLICATION and the right to read settings and tables'),
  password: secret.optional().describe('password of the role'),
  tls: tls
    .optional()
    .describe('speaks TLS with the server and checks its certificate; `{}` believes the usual authorities'),
  database: z
    .string()
    .default('wazuh_chat')
    .describe('database whose tables are probed; the whole cluster is backed up'),
  dataDirectory: absolutePath.describe('live data directory on this host'),
  binDirectory: absolutePath
    .optional()
    .describe('folder with `postgres` of the same major; found by itself where absent'),
  osUser: z.string().optional().describe('unix user of the private server; by default the owner of the data directory'),
  fingerprintUpTo: size
    .default(64 * 2 ** 20)
    .describe('tables up to this size are proven by content, larger ones by count and bounds'),
  wal: z
    .strictObject({
      archive: z.boolean().default(true).describe('`false` gives up every state between two backups'),
      slot: z
        .string()
        .regex(/^[a-z0-9_]{1,63}$/, { error: 'lower case letters, digits and `_`, 63 at most' })
        .optional()
        .describe('physical replication slot; `lifeboat_<appliance>_<component>` where absent'),
      sealEvery: duration
        .refine((seconds) => seconds <= 60, { error: 'at most 60s' })
        .default(10)
        .describe('what was written is sealed in the repository at latest after this; a full segment at once'),
      replayLimit: duration
        .default(900)
        .describe('an incremental backup takes a new base when replaying the WAL since the last would take longer'),
      ackLocation: name
        .optional()
        .describe('location that must hold the WAL before the server may forget it; the repository where absent'),
      slotGuard: z
        .strictObject({
          freeBelow: size.describe('less room than this on the disk of the database'),
          heldAbove: size.default(1e9).describe('and more WAL than this waits there for the archive'),
        })
        .optional()
        .describe(
          'accepts a server without `max_slot_wal_keep_size`: the slot is dropped, and a new base made, where the disk runs full; needs a worker or the watchdog on that host',
        ),
    })
    .prefault({})
    .describe('continuous archiving of the write-ahead log, by which any moment can be restored'),
});

const redis = z.strictObject({
  kind: z.literal('redis'),
  ...common,
  hostname: z.string().default('127.0.0.1').describe('address of the server'),
  port: port.default(6379).describe('port of the server'),
  username: z.string().optional().describe('ACL user; the default user where absent'),
  password: secret.optional().describe('password of that user (`requirepass` for the default user)'),
  tls: tls
    .optional()
    .describe('speaks TLS with the server and checks its certificate; `{}` believes the usual authorities'),
  dataDirectory: absolutePath.describe('live `dir` of the server on this host'),
  configFiles: z.array(absolutePath).default([]).describe('redis.conf, ACL file and modules that are captured with it'),
  serverBinary: absolutePath.optional().describe('redis-server for the private check; found on PATH where absent'),
});

const vectorstore = z.strictObject({
  kind: z.literal('vectorstore'),
  ...common,
  path: absolutePath.describe('folder with faiss_index.faiss, faiss_index.pkl and metadata.json'),
  quiet: duration.default(2).describe('window without change that proves that the three files belong together'),
  memoryLimit: size
    .default(4 * 2 ** 30)
    .describe(
      'limit of the data segment (RLIMIT_DATA) of the child process that loads the index; what Node itself takes comes on top',
    ),
  embeddingModel: z
    .string()
    .optional()
    .describe('name of the embedding model that the application uses; a store that names another one is refused'),
  rebuild: z
    .strictObject({
      command: argv.describe('asks the application to build it anew, and ends when that is done'),
      timeout: duration.default(4 * 3600).describe('limit of the command'),
    })
    .optional()
    .describe('how the application builds it anew from what it keeps elsewhere: for `restore start --rebuild`'),
});

const models = z.strictObject({
  kind: z.literal('models'),
  ...common,
  path: absolutePath.describe('folder with .gguf files'),
  memoryLimit: size
    .default(8 * 2 ** 30)
    .describe(
      'limit of the data segment (RLIMIT_DATA) of the child process that loads a model; what Node itself takes comes on top',
    ),
});

const files = z.strictObject({
  kind: z.literal('files'),
  ...common,
  paths: z
    .array(absolutePath)
    .min(1)
    .describe('files and folders that are captured whole; no data of another component may lie in them'),
  exclude: z
    .array(z.string())
    .default([])
    .describe(
      'left out: `*.log` fits a name at any depth, `/abs/*` a whole path, `sub/*` a path below a configured one; `**` also crosses `/`',
    ),
});

const retentionOf = (full: number) =>
  z
    .strictObject({
      full: duration.default(full).describe('full recovery points'),
      incremental: duration.default(7 * day).describe('incremental ones'),
      critical: duration.default(day).describe('the frequent ones of the tier `critical`'),
      configuration: duration.default(90 * day).describe('of the configuration alone'),
      monitoring: duration.default(7 * day).describe('of monitoring data alone'),
      wal: duration
        .default(7 * day)
        .describe(
          'how far back any moment can be restored, in a location at least as far as in the repository; what kept recovery points need stays longer',
        ),
    })
    .prefault({})
    .describe(
      'how long recovery points stay; held ones, bases, the last verified and the newest of each component stay longer',
    );

const off = {
  retention: retentionOf(90 * day),
  capacity: size.default(2e12).describe('what it may hold; a forecast beyond it is told'),
  offHost: z
    .boolean()
    .default(true)
    .describe('whether it outlives the loss of this host; `false` for another machine that fails together with it'),
};

const s3 = z.strictObject({
  kind: z.literal('s3'),
  bucket: z.string().min(3).describe('bucket; it must exist'),
  prefix: z
    .string()
    .regex(/^[A-Za-z0-9_-][A-Za-z0-9._/-]*$/, { error: 'a folder in the bucket, without a slash before or after' })
    .optional()
    .describe('folder within the bucket; the bucket itself where absent'),
  region: z.string().default('us-east-1').describe('region of the bucket'),
  endpoint: url.optional().describe('address of another maker’s server; Amazon’s where absent'),
  pathStyle: z
    .boolean()
    .optional()
    .describe('`https://host/bucket/key`; on for an `endpoint`, off for Amazon, where nothing is said'),
  accessKey: secret.optional().describe('access key id; the usual AWS variables, profiles and roles where absent'),
  secretKey: secret.optional().describe('secret access key'),
  storageClass: z
    .string()
    .default('STANDARD_IA')
    .describe('storage class of packs; everything else stays in STANDARD. Empty leaves it to the bucket'),
  sse: z
    .enum(['AES256', 'none'])
    .default('AES256')
    .describe('encryption at rest by the server, asked for and checked; `none` where the server has none'),
  ...off,
});

const local = z.strictObject({
  kind: z.literal('local'),
  path: absolutePath.describe('folder, for example a mounted disk'),
  retention: retentionOf(90 * day),
  capacity: size.default(2e12).describe('what it may hold; a forecast beyond it is told'),
  offHost: z.boolean().default(false).describe('`true` where the folder is mounted from another machine'),
});

const ssh = z.strictObject({
  kind: z.literal('ssh'),
  hostname: z.string().min(1).describe('address of the server'),
  port: port.default(22).describe('port of its SSH server'),
  user: z.string().default('lifeboat').describe('user there; owns the folder'),
  keyFile: absolutePath.describe('private key of the login, in OpenSSH’s or PEM format'),
  passphrase: secret.optional().describe('of the private key'),
  hostKey: z
    .string()
    .regex(/^(SHA256:[A-Za-z0-9+/]{43}=?|.*\bAAAA[A-Za-z0-9+/]+.*)$/, {
      error: '`SHA256:…` or the key as in known_hosts, for example `ssh-ed25519 AAAA…`; `ssh-keyscan HOST` shows it',
    })
    .describe('the server’s own key, which it must show: `SHA256:…`, or as a line of known_hosts'),
  path: absolutePath.describe('folder on the server'),
  ...off,
});

export const location = z.discriminatedUnion('kind', [s3, local, ssh]);

export const component = z.discriminatedUnion('kind', [postgres, redis, vectorstore, models, files]);

function isTimeZone(name: string): boolean {
  try {
    return Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}

const scheduleOf = ({ cron, overlap, catchupSeconds, jitterSeconds }: ScheduleKind['defaults']) =>
  z.strictObject({
    cron: z
      .string()
      .default(cron)
      .refine(isCron, {
        error: 'five cron fields (minute 0-59, hour 0-23, day 1-31, month 1-12, weekday 0-7), for example `0 2 * * *`',
      })
      .describe('when it runs: minute, hour, day of the month, month, day of the week, as cron writes them'),
    timeZone: z
      .string()
      .refine(isTimeZone, { error: 'an IANA time zone, for example `UTC` or `Europe/Berlin`' })
      .default('UTC')
      .describe('IANA time zone; zones with daylight saving skip or repeat an hour'),
    catchup: duration.default(catchupSeconds).describe('how late a missed run may still begin'),
    overlap: z
      .enum(overlaps)
      .default(overlap)
      .describe('what becomes of a run that is due while the last one is open: left out, or one of them follows'),
    jitter: duration.default(jitterSeconds).describe('a run begins up to this much later than its time, by chance'),
    enabled: z.boolean().default(true).describe('`false` removes the schedule from the server'),
  });

function scheduled(name: ScheduleName) {
  const { about, defaults } = scheduleKinds[name];
  return scheduleOf(defaults).prefault({}).describe(`${about}; \`${defaults.cron}\` where nothing is said`);
}

export const configuration = z.strictObject({
  appliance: name.describe('name of the appliance; `confirm` of a destructive workflow must equal it'),
  host: name.default('main').describe('name of this host: its worker polls the queues `<taskQueue>-<role>-<host>`'),
  state: absolutePath
    .default('/var/lib/lifeboat')
    .describe("Lifeboat's own folder: workflow bundles, private servers while they check staged data"),
  repository: z
    .strictObject({
      path: absolutePath.describe('folder of the repository'),
      retention: retentionOf(30 * day),
      capacity: size.default(500e9).describe('what it may hold; a forecast beyond it is told'),
      reserve: size.default(1e9).describe('must stay free on its disk; a backup that would take it is refused'),
      encryption: z
        .union([z.literal('none'), z.strictObject({ key: secret }), z.strictObject({ passphrase: secret })])
        .describe('what opens the repository; chosen when it is created'),
    })
    .describe('where recovery points are stored'),
  locations: z
    .record(
      name.refine((text) => text !== 'repository', { error: 'another name than `repository`, which is the first one' }),
      location,
    )
    .default({})
    .describe('further places that hold a copy of the repository, by name; at least one should be off this host'),
  temporal: z
    .strictObject({
      address: endpoint.default('127.0.0.1:7233').describe('address of the Temporal server'),
      namespace: z.string().default('default').describe('namespace of all runs'),
      taskQueue: name.default('lifeboat').describe('task queue of all workflows and prefix of the others'),
      ui: url.default('http://127.0.0.1:8233').describe('address of the Temporal UI, for links'),
      tls: tls
        .optional()
        .describe('speaks TLS with the server and checks its certificate; `{}` believes the usual authorities'),
      service: name
        .optional()
        .describe(
          'which of `services` is the Temporal server, where its own database is a component: such a restore needs `--standalone`',
        ),
      apiKey: secret.optional().describe('key of a server that asks for one, such as Temporal Cloud; always over TLS'),
    })
    .prefault({})
    .describe('the server that runs the workflows'),
  notify: z
    .strictObject({
      webhook: secret
        .optional()
        .describe(
          'Slack-shaped incoming webhook: failed, partial, skipped and late backups, the end of restores and the marks of their RTO are posted there',
        ),
    })
    .prefault({})
    .describe('who is told'),
  objectives: z
    .strictObject({
      rpo: z
        .strictObject({
          critical: duration.default(3600).describe('components of tier `critical`'),
          configuration: duration.default(86_400).describe('components of tier `configuration`'),
          monitoring: duration.default(14_400).describe('components of tier `monitoring`'),
        })
        .prefault({})
        .describe('how old the newest recovery point of a component may be'),
      verified: duration
        .default(259_200)
        .describe('how old the newest copy of a component that was verified may be, in each place'),
      rto: z
        .strictObject({
          critical: duration.default(14_400).describe('a restore of chosen components'),
          full: duration.default(28_800).describe('a restore of everything'),
          monitoring: duration.default(7200).describe('monitoring; recorded, no run uses it yet'),
        })
        .prefault({})
        .describe('how long a restore may take'),
    })
    .prefault({})
    .describe("recovery objectives; the defaults are the guide's"),
  metrics: z
    .strictObject({
      listen: z
        .union([endpoint, z.literal('off')])
        .default('127.0.0.1:9464')
        .describe('address of `/metrics` of the worker, for Prometheus; `off` serves nothing'),
    })
    .prefault({})
    .describe('what the worker tells a monitoring system'),
  verification: z
    .strictObject({
      afterBackup: z
        .boolean()
        .default(true)
        .describe(
          'reads a full recovery point again as soon as it is sealed and restores its databases privately (L1 to L4); looks at the others (L3)',
        ),
    })
    .prefault({})
    .describe('how recovery points are proven'),
  schedules: z
    .strictObject({
      'backup-full': scheduled('backup-full'),
      'backup-incremental': scheduled('backup-incremental'),
      'backup-critical': scheduled('backup-critical'),
      'backup-monitoring': scheduled('backup-monitoring'),
      'backup-configuration': scheduled('backup-configuration'),
      replicate: scheduled('replicate'),
      'verify-daily': scheduled('verify-daily'),
      'prove-weekly': scheduled('prove-weekly'),
      'rpo-watch': scheduled('rpo-watch'),
      retention: scheduled('retention'),
    })
    .prefault({})
    .describe('what runs by itself'),
  services: z.record(name, service).default({}).describe('what runs on this host, by name'),
  components: z.record(name, component).describe('what is backed up, by id; at least one'),
});

export type Configuration = z.output<typeof configuration>;
