/** Where recovery points lie, and how long: what repository and locations of lifeboat.yaml share, and the locations by kind. */
import { z } from 'zod';
import { causes } from '../../domain/causes.ts';
import { absolutePath, day, duration, port, secret, size, url } from './scalars.ts';

export const retentionOf = (full: number) =>
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

/** Servers that keep objects in files take two slashes for one, and follow `..`: what was written there is not found again. */
const prefixText = { error: causes.foldedPrefix.text.replace(/^.*: must be /, '') };

const s3 = z.strictObject({
  kind: z.literal('s3'),
  bucket: z.string().min(3).describe('bucket; it must exist'),
  prefix: z
    .string(prefixText)
    .regex(/^(?:(?!\.{1,2}(?:\/|$))[A-Za-z0-9._-]+(?:\/|$))+$/, prefixText)
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
