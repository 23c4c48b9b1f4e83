/** Removes what a restore laid out for a start that was possible and did not come. */
import { link, lstat, readFile, rename, rmdir, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { RedisConfig } from '../../domain/appliance.ts';
import { isLifeboatError, LifeboatError } from '../../domain/errors.ts';
import type { DriverEnvironment, RestoreContext } from '../driver.ts';
import { syncFolder } from '../swap/disk.ts';
import { endpointOf, info, setting, withRedis } from './connection.ts';
import type { RedisFacts } from './facts.ts';
import { appendPaths, hasManifest } from './layout.ts';
import type { AppendFiles } from './possible-starts.ts';
import { restoredFacts } from './restored-facts.ts';

interface Running {
  readonly appendOnly: boolean;
  /** Undefined where CONFIG is renamed or forbidden. */
  readonly dumpName: string | undefined;
}

/**
 * Append-only files that a server does not use would be read at the first start with `appendonly yes`, in the place of
 * all that was written since the restore. They go once the restored server has loaded its data and tells what it uses;
 * their content is the recovery point's. The error names what stays.
 */
export async function removeUnused(
  config: RedisConfig,
  environment: DriverEnvironment,
  context: Pick<RestoreContext, 'repository' | 'record'>,
): Promise<void> {
  const { facts, layout } = await restoredFacts(config, environment, context);
  const { dataDirectory: folder } = config;
  const appends: AppendFiles[] = [];
  for (const append of layout.appends) if (await isAsLaidOut(folder, append, facts)) appends.push(append);
  if (appends.length === 0 && layout.dumps.length === 1) return;
  try {
    const running = await askServer(config, environment);
    for (const append of appends) await removeAppend(folder, append, { facts, running });
    for (const name of layout.dumps)
      if (running.dumpName !== undefined && name !== running.dumpName) await removeCopy(join(folder, name), facts);
    await syncFolder(folder);
  } catch (error) {
    const names = appends.map((append) => `\`${append.folder}/${append.name}.*\``).join(', ');
    throw new LifeboatError(
      isLifeboatError(error) ? error.code : 'EngineUnavailable',
      `files for a start that did not come stay in \`${folder}\` (${names}): ${(error as Error).message}`,
      {
        component: config.id,
        hint: 'where the server runs with `appendonly no`, remove its append-only files before that is ever set to yes',
        cause: error,
      },
    );
  }
}

async function askServer(config: RedisConfig, environment: DriverEnvironment): Promise<Running> {
  return withRedis(await endpointOf(config, environment), async (client) => ({
    appendOnly: (await info(client, 'persistence'))['aof_enabled'] === '1',
    dumpName: await setting(client, 'dbfilename'),
  }));
}

/** Since 7.0 a server that starts with append-only files writes into the manifest at once; before, nothing on the disk tells. */
async function isAsLaidOut(folder: string, append: AppendFiles, facts: RedisFacts): Promise<boolean> {
  if (!hasManifest(facts)) return (await sizeOf(join(folder, append.name))) === facts.dumpBytes;
  const { manifest, manifestText } = appendPaths(folder, append);
  return [await textOf(manifest), await textOf(aside(manifest))].includes(manifestText);
}

const aside = (manifest: string): string => `${manifest}.unused`;

async function removeAppend(
  folder: string,
  append: AppendFiles,
  { facts, running }: { readonly facts: RedisFacts; readonly running: Running },
): Promise<void> {
  if (!hasManifest(facts)) {
    if (!running.appendOnly) await removeCopy(join(folder, append.name), facts);
    return;
  }
  const { inside, base, manifest, manifestText } = appendPaths(folder, append);
  await rename(manifest, aside(manifest)).catch(ignoring('ENOENT'));
  if ((await textOf(aside(manifest))) !== manifestText) {
    // Append-only files were turned on in this moment: the server's manifest goes back, unless there is a newer one.
    await link(aside(manifest), manifest).catch(ignoring('EEXIST'));
    await unlink(aside(manifest));
    return;
  }
  await unlink(base).catch(ignoring('ENOENT'));
  await unlink(aside(manifest));
  await rmdir(inside).catch(ignoring('ENOTEMPTY'));
  await syncFolder(dirname(inside));
}

async function removeCopy(path: string, { dumpBytes }: RedisFacts): Promise<void> {
  if ((await sizeOf(path)) === dumpBytes) await unlink(path);
}

async function sizeOf(path: string): Promise<number | undefined> {
  return (await lstat(path).catch(() => undefined))?.size;
}

async function textOf(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch(() => undefined);
}

function ignoring(code: string): (error: unknown) => void {
  return (error) => {
    if ((error as NodeJS.ErrnoException).code !== code) throw error;
  };
}
