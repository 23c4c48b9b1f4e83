/** Takes away what a restore laid out for a start that was possible and did not come. */
import { link, lstat, readFile, rename, rmdir, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { RedisConfig } from '../../domain/appliance.ts';
import { isLifeboatError, LifeboatError } from '../../domain/errors.ts';
import type { DriverEnvironment, RestoreContext } from '../driver.ts';
import { syncFolder } from '../swap/disk.ts';
import { closedFile, closedManifest, closeNew, closeOld, type Owner } from './closed-start.ts';
import { quoteWord } from './config-text.ts';
import { endpointOf, info, setting, withRedis } from './connection.ts';
import type { RedisFacts } from './facts.ts';
import { appendPaths, hasManifest } from './layout.ts';
import type { AppendFiles } from './possible-starts.ts';
import { restoredFacts } from './restored-facts.ts';
import { engineOwner } from './stage.ts';

interface Running {
  readonly appendOnly: boolean;
  /** Undefined where CONFIG is renamed or forbidden. */
  readonly dumpName: string | undefined;
}

/**
 * What a server does not use would be read at another start, in the place of all that was written since the restore. It goes
 * once the restored server has loaded its data and tells what it uses; its content is the recovery point's. In the place of
 * what a start would look for that was known to be possible, something stays with which that start is refused, else it would
 * come up empty. Gives what people should know; the error names what stays.
 */
export async function removeUnused(
  config: RedisConfig,
  environment: DriverEnvironment,
  context: Pick<RestoreContext, 'repository' | 'record'>,
): Promise<readonly string[]> {
  const { captured, facts, starts, layout } = await restoredFacts(config, environment, context);
  const { dataDirectory: folder } = config;
  const appends: AppendFiles[] = [];
  for (const append of layout.appends) if (await isAsLaidOut(folder, append, facts)) appends.push(append);
  try {
    const running = await askServer(config, environment);
    const owner = process.getuid?.() === 0 ? await engineOwner(config, facts) : undefined;
    for (const append of appends)
      await removeAppend(folder, append, { facts, running, owner, isWanted: isWantedBy(starts, append) });
    for (const name of layout.dumps)
      if (running.dumpName !== undefined && name !== running.dumpName)
        await closeCopy(join(folder, name), { facts, owner });
    await syncFolder(folder);
    return otherwiseNotes(captured, running);
  } catch (error) {
    if (appends.length === 0 && layout.dumps.length === 1) return [];
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

/** Whoever starts the server next may do it as before the restore. */
function otherwiseNotes({ appendOnly: ran, dumpName: wrote }: RedisFacts, { appendOnly, dumpName }: Running): string[] {
  const [yes, no] = ['`appendonly yes`', '`appendonly no`'];
  const notes: string[] = [];
  if (ran && !appendOnly)
    notes.push(
      `the captured server ran with ${yes}, the restored one runs with ${no}: a start with ${yes} is refused, for it would come up empty, until CONFIG SET appendonly yes has written new append-only files. Then write ${yes} into redis.conf`,
    );
  if (!ran && appendOnly)
    notes.push(
      `the captured server ran with ${no}, the restored one runs with ${yes}: a start with ${no} would read the dump, which lacks what is written after it was last saved. Write ${yes} into redis.conf, and take \`--appendonly no\` from the command that starts the server, if it is there`,
    );
  if (dumpName !== undefined && wrote !== dumpName)
    notes.push(
      `the captured server ran with \`dbfilename ${wrote}\`, the restored one runs with \`dbfilename ${dumpName}\`: a start with the other name would not find what is written now. Write \`dbfilename ${quoteWord(dumpName)}\` into redis.conf`,
    );
  return notes;
}

function isWantedBy(starts: readonly RedisFacts[], { folder, name }: AppendFiles): boolean {
  return starts.some((each) => each.appendOnly && each.appendFolder === folder && each.appendName === name);
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

interface Closing {
  readonly facts: RedisFacts;
  /** Who is given the files, where this process may give them away. */
  readonly owner: Owner | undefined;
}

async function removeAppend(
  folder: string,
  append: AppendFiles,
  { running, isWanted, ...closing }: Closing & { readonly running: Running; readonly isWanted: boolean },
): Promise<void> {
  const { facts, owner } = closing;
  if (!hasManifest(facts)) {
    if (running.appendOnly) return;
    await (isWanted ? closeCopy(join(folder, append.name), closing) : removeCopy(join(folder, append.name), facts));
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
  if (isWanted) await closeNew(manifest, closedManifest, owner);
  await unlink(aside(manifest));
  await rmdir(inside).catch(ignoring('ENOTEMPTY'));
  await syncFolder(dirname(inside));
}

async function closeCopy(path: string, { facts, owner }: Closing): Promise<void> {
  if ((await sizeOf(path)) === facts.dumpBytes) await closeOld(path, closedFile, owner);
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
