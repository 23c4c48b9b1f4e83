/**
 * Is the live data proven unusable? `--replace-damaged` deletes nothing else. Asked of the server's own check programs,
 * which only read: they are redis-server by another name.
 */
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import type { RedisConfig } from '../../domain/appliance.ts';
import { engineEnvironment } from '../../domain/inherited-environment.ts';
import { refuseUnreadable } from '../folder/readable.ts';
import type { RedisFacts } from './facts.ts';
import type { ServerBinary } from './server-binary.ts';

/** What the programs say of content that no server loads. */
const proof = /RDB ERROR DETECTED|RDB preamble of AOF file is not sane|is not valid|: No such file or directory/;
/** A server loads an append-only file without the end that a crash cut off, and a newer server a newer dump. */
const noProof = /Expected to read \d+ bytes, got|Reached EOF|Can't handle RDB format/;

/** True also where there is neither dump nor append-only file; false where nothing can check them. */
export async function isDamaged(
  { dataDirectory, id }: RedisConfig,
  facts: RedisFacts,
  binary: ServerBinary | undefined,
): Promise<boolean> {
  const dump = { program: 'redis-check-rdb', path: join(dataDirectory, facts.dumpName) };
  const append = { program: 'redis-check-aof', path: appendPath(dataDirectory, facts) };
  // With append-only files the server reads no dump (X5), unless there are none yet.
  for (const { program, path } of facts.appendOnly ? [append, dump] : [dump, append]) {
    if ((await lstat(path).catch(() => undefined)) === undefined) continue;
    await refuseUnreadable(path, id);
    return binary !== undefined && (await isRefused(binary, program, path));
  }
  return true;
}

async function isRefused({ path: server }: ServerBinary, program: string, path: string): Promise<boolean> {
  const { exitCode, all } = await execa(server, [path], {
    argv0: program,
    env: engineEnvironment(process.env),
    extendEnv: false,
    reject: false,
    all: true,
  });
  return exitCode === 1 && proof.test(all) && !noProof.test(all);
}

/** Since 7.0 a manifest names the files. */
function appendPath(dataDirectory: string, { serverVersion, appendFolder, appendName }: RedisFacts): string {
  return Number(serverVersion.split('.')[0]) >= 7
    ? join(dataDirectory, appendFolder, `${appendName}.manifest`)
    : join(dataDirectory, appendName);
}
