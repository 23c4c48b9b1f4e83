/**
 * The schema of lifeboat.yaml. docs/configuration.md is generated from it (`npm run docs`): a key's own `describe` says
 * what it does, that of a leaf type below names the type. Unknown keys are errors: a misspelt key that is silently ignored is a backup that is not made.
 */
import { z } from 'zod';
import { causes } from '../../domain/causes.ts';
import { component } from './components.ts';
import { location, retentionOf } from './places.ts';
import { channel } from './channels.ts';
import { absolutePath, day, duration, endpoint, name, secret, size, tls, url } from './scalars.ts';
import { scheduled } from './schedules.ts';
import { service } from './service.ts';

/** Completes "is required: …"; the file is what `lifeboat init` makes. */
const noEncryption = causes.noEncryption.text.replace(/^.*?is required: /, '');

export const configuration = z.strictObject({
  appliance: name.describe('name of the appliance; `confirm` of a destructive workflow must equal it'),
  formerNames: z
    .array(name)
    .default([])
    .describe(
      'names that this appliance had before: recovery points under them count as its own; never that of another appliance',
    ),
  host: name.default('main').describe('name of this host: its worker polls the queues `<taskQueue>-<role>-<host>`'),
  state: absolutePath
    .default('/var/lib/lifeboat')
    .describe("Lifeboat's own folder: workflow bundles, private servers while they check staged data"),
  repository: z
    .strictObject(
      {
        path: absolutePath.describe('folder of the repository'),
        retention: retentionOf(30 * day),
        capacity: size.default(500e9).describe('what it may hold; a forecast beyond it is told'),
        reserve: size.default(1e9).describe('must stay free on its disk; a backup that would take it is refused'),
        encryption: z
          .union([z.literal('none'), z.strictObject({ key: secret }), z.strictObject({ passphrase: secret })], {
            error: ({ input }) => (input === undefined ? noEncryption : '`{ key: … }`, `{ passphrase: … }` or `none`'),
          })
          .describe('what opens the repository; chosen when it is created'),
      },
      {
        error: (issue) =>
          issue.code === 'unrecognized_keys' ? undefined : 'a map with at least `path` and `encryption`',
      },
    )
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
      taskQueue: name
        .default('lifeboat')
        .describe('task queue of all workflows and prefix of the others; each appliance of a namespace needs its own'),
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
          'Slack-shaped incoming webhook: failed, partial, skipped and late backups, the end of restores and the marks of their RTO are posted there. The same as a channel `slack` that hears everything',
        ),
      channels: z.record(name, channel).default({}).describe('further ways to people, by a name of yours'),
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
        .union([endpoint, z.literal('off')], { error: '`host:port` or `off`' })
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
  platform: z
    .discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('process').describe('`process`: programs on this host') }),
    ])
    .default({ kind: 'process' })
    .describe('what runs the services'),
  services: z.record(name, service).default({}).describe('what runs on this host, by name'),
  components: z
    .record(name, component, {
      error: ({ code }) => (code === 'invalid_type' ? 'a map of components by id' : undefined),
    })
    .describe('what is backed up, by id; at least one'),
});

export type Configuration = z.output<typeof configuration>;
