/**
 * Tells whether the live data is proven unusable: `--replace-damaged` deletes nothing else. The server's own check programs are asked,
 * which only read: they are redis-server by another name.
 */
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import type { RedisConfig } from '../../domain/appliance.ts';
import type { Target } from '../../platform/target.ts';
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
  target: Target,
  facts: RedisFacts,
  binary: ServerBinary | undefined,
): Promise<boolean> {
  const dump = { program: 'redis-check-rdb', path: join(dataDirectory, facts.dumpName) };
  const append = { program: 'redis-check-aof', path: appendPath(dataDirectory, facts) };
  // With append-only files the server reads no dump (X5), unless there are none yet.
  for (const { program, path } of facts.appendOnly ? [append, dump] : [dump, append]) {
    if ((await lstat(path).catch(() => undefined)) === undefined) continue;
    await refuseUnreadable(path, id);
    return binary !== undefined && (await isRefused({ target, component: id, binary }, program, path));
  }
  return true;
}

interface Checker {
  readonly target: Target;
  readonly component: string;
  readonly binary: ServerBinary;
}

async function isRefused({ target, component, binary }: Checker, program: string, path: string): Promise<boolean> {
  const { exitCode, stdout, stderr } = await target.runTool(component, {
    command: [binary.path, path],
    argv0: program,
  });
  const all = `${stdout}\n${stderr}`;
  return exitCode === 1 && proof.test(all) && !noProof.test(all);
}

/** Since 7.0 a manifest names the files. */
function appendPath(dataDirectory: string, { serverVersion, appendFolder, appendName }: RedisFacts): string {
  return Number(serverVersion.split('.')[0]) >= 7
    ? join(dataDirectory, appendFolder, `${appendName}.manifest`)
    : join(dataDirectory, appendName);
}
