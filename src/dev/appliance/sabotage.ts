/** Spoils exactly one thing, so that a proof which does not notice is no proof. */
import { chmod, open, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { LifeboatError } from '../../domain/errors.ts';
import { databaseName, type SampleAppliance } from './description.ts';
import { withClient } from './seed/with-client.ts';

export const sabotageKinds = ['row', 'key', 'index', 'config', 'object'] as const;
export type SabotageKind = (typeof sabotageKinds)[number];

/** Says what was spoiled. `object` is for before a restore, the others for after it. */
export async function sabotage(kind: SabotageKind, appliance: SampleAppliance): Promise<string> {
  const acts: Record<SabotageKind, (appliance: SampleAppliance) => Promise<string>> = {
    row,
    key,
    index,
    config,
    object,
  };
  return acts[kind](appliance);
}

async function row(appliance: SampleAppliance): Promise<string> {
  return withClient(appliance, databaseName, async (client) => {
    const { rows } = await client.query<{ id: string }>(
      `update messages set content = content || '.' where id = (select min(id::text)::uuid from messages) returning id`,
    );
    return `one character was added to message ${rows[0]?.id} in PostgreSQL`;
  });
}

async function key({ ports, passwords }: SampleAppliance): Promise<string> {
  const redis = new Redis({ host: '127.0.0.1', port: ports.redis, password: passwords.redis, maxRetriesPerRequest: 3 });
  try {
    await redis.append('cache:rule:5700', '.');
    return 'one character was added to the value of key cache:rule:5700 in Redis';
  } finally {
    redis.disconnect();
  }
}

async function index({ folders }: SampleAppliance): Promise<string> {
  const path = join(folders.vectorstore, 'faiss_index.faiss');
  // The last byte of the last vector: exponent and sign of its last value.
  const at = await flipByte(path, (size) => size - 1);
  return `byte ${at} of ${path} was changed`;
}

async function config({ folders }: SampleAppliance): Promise<string> {
  const path = join(folders.configuration, 'monitoring', 'rules', 'companion-alerts.yml');
  const text = await readFile(path, 'utf8');
  await writeFile(path, text.replace('for: 1m', 'for: 9m'));
  return `the waiting time of one alert in ${path} was changed`;
}

async function object({ folders }: SampleAppliance): Promise<string> {
  const packs = join(folders.repository, 'packs');
  const files = (await readdir(packs, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const [first] = files.map(({ parentPath, name }) => join(parentPath, name)).sort();
  if (first === undefined) throw new LifeboatError('NotFound', `there is no pack in \`${packs}\` to spoil`);
  const at = await flipByte(first, (size) => Math.floor(size / 2));
  return `byte ${at} of ${first} was changed`;
}

/** Returns the offset. */
async function flipByte(path: string, choose: (size: number) => number): Promise<number> {
  const { mode } = await stat(path);
  // Sealed objects are read-only; the mode itself stays as it was.
  await chmod(path, mode | 0o200);
  const file = await open(path, 'r+');
  try {
    const at = choose((await file.stat()).size);
    const byte = Buffer.alloc(1);
    await file.read(byte, 0, 1, at);
    byte.writeUInt8(byte.readUInt8() ^ 0x40);
    await file.write(byte, 0, 1, at);
    await file.sync();
    return at;
  } finally {
    await file.close();
    await chmod(path, mode & 0o7777);
  }
}
