/** Leaf types of lifeboat.yaml. The `describe` of each is its name in docs/configuration.md. */
import { z } from 'zod';
import { parseDuration, parseSize } from '../../domain/duration.ts';

// A process reads one configuration: making a program of the schema takes longer than following it once.
z.config({ jitless: true });

// `90` alone is a number in YAML: that a unit is missing is what its writer must hear.
const durationText = { error: 'a duration with a unit, for example `90s`, `15m`, `4h` or `30d`' };
export const duration = z
  .string(durationText)
  .refine((text) => parseDuration(text) !== undefined, durationText)
  .transform((text) => parseDuration(text) ?? 0)
  .describe('duration');

const sizeText = { error: 'a size with a unit, for example `64MiB` or `500GB`' };
export const size = z
  .string(sizeText)
  .refine((text) => parseSize(text) !== undefined, sizeText)
  .transform((text) => parseSize(text) ?? 0)
  .describe('size');

export const day = 86_400;

const maxName = 41;
const nameText = {
  error: `a name of at most ${maxName} lower case letters, digits and \`-\`, beginning with a letter`,
};
export const name = z
  .string(nameText)
  .regex(/^[a-z][a-z0-9-]*$/, nameText)
  .max(maxName, nameText)
  .describe('name');

const pathText = { error: 'an absolute path' };
export const absolutePath = z.string(pathText).regex(/^\//, pathText).describe('absolute path');
export const port = z.number().int().min(1).max(65_535).describe('port');
export const argv = z.array(z.string()).min(1).describe('argument list');

export const secret = z
  .union([z.strictObject({ env: z.string().min(1) }), z.strictObject({ file: absolutePath }), z.string().min(1)], {
    error: '`{ file: /path }`, `{ env: NAME }` or the text itself',
  })
  .describe('secret');

const endpointText = { error: '`host:port`' };
export const endpoint = z
  .string(endpointText)
  .regex(/^[^:\s]+:\d+$/, endpointText)
  .describe('`host:port`');
export const url = z.url().describe('URL');

export const tls = z
  .strictObject({
    ca: absolutePath.optional().describe('certificate of who signed the server’s; the usual authorities where absent'),
    cert: absolutePath.optional().describe('client certificate, for a server that asks for one'),
    key: absolutePath.optional().describe('key of the client certificate'),
    serverName: z.string().optional().describe('name in the server’s certificate, where it is not `hostname`'),
  })
  .refine(({ cert, key }) => (cert === undefined) === (key === undefined), {
    error: 'given with `cert` and `key` together',
  })
  .describe('TLS settings');
