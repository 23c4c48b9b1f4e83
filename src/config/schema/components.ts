/** The components of lifeboat.yaml, by kind. */
import { z } from 'zod';
import { tiers } from '../../domain/component.ts';
import { absolutePath, argv, duration, name, port, secret, size, tls } from './scalars.ts';

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
    .describe('tables up to this size and 4 million rows are proven by content, larger ones by count'),
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
  configFiles: z
    .array(absolutePath)
    .default([])
    .describe(
      'redis.conf first, then ACL file and modules: captured with it; the first `.conf` tells how the server will start',
    ),
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

export const component = z.discriminatedUnion('kind', [postgres, redis, vectorstore, models, files]);
