/**
 * Lets the application build its stores anew from what it keeps elsewhere (D6.6): only it knows how it splits texts and
 * which ones it embeds. Its command ends when that is done; then the stores are proven as a capture would.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import type { VectorstoreConfig } from '../../domain/appliance.ts';
import { LifeboatError } from '../../domain/errors.ts';
import type { Rebuilt, RebuildContext } from '../driver.ts';
import { walkFolder } from '../folder/walk-folder.ts';
import { indexFile, metadataFile, readMetadata, storeFiles, storeFolders } from './files.ts';
import { waitUntilQuiet } from './stable-window.ts';
import { verifyStore } from './verify-store.ts';

/** Some applications write their three files once more a moment later. */
const quietTries = 30;

/**
 * May run twice: the application builds twice then. Precondition where no command is configured, EngineFailed where it
 * fails or takes too long, ValidationFailed where what it left cannot be used.
 */
export async function rebuildVectorstore(
  config: VectorstoreConfig,
  { since, signal }: RebuildContext,
): Promise<Rebuilt> {
  const { id: component, rebuild, quietSeconds } = config;
  if (rebuild === undefined)
    throw new LifeboatError('Precondition', `nothing says how ${component} is built anew`, {
      component,
      hint: 'write `rebuild: { command: […] }` for it: what asks the application, and ends when it is done',
    });
  await askApplication(component, rebuild, signal);
  const folders = storeFolders(await walkFolder(config.path, component));
  const paths = folders.flatMap((folder) => storeFiles.map((name) => join(config.path, folder, name)));
  if (!(await waitUntilQuiet({ paths, quietSeconds, attempts: quietTries, signal })).quiet)
    throw new LifeboatError('ValidationFailed', `\`${config.path}\` does not come to rest`, {
      component,
      hint: 'the command must end when the application is done',
    });
  const written = await Promise.all(
    folders.map(async (folder) => ({ folder, at: (await stat(join(config.path, folder, indexFile))).mtimeMs })),
  );
  // Filesystems keep whole seconds, some of them.
  const fresh = written.filter(({ at }) => at >= Math.floor(since.getTime() / 1000) * 1000);
  if (fresh.length === 0)
    throw new LifeboatError(
      'ValidationFailed',
      `the command ended well, and no index below \`${config.path}\` is new`,
      {
        component,
        hint: 'the command must end when the application has saved its store',
      },
    );
  const counts = await Promise.all(fresh.map(async ({ folder }) => documentsIn(config, folder, signal)));
  return { documents: counts.reduce((sum, count) => sum + count, 0) };
}

async function askApplication(
  component: string,
  { command, timeoutSeconds }: NonNullable<VectorstoreConfig['rebuild']>,
  cancelSignal: AbortSignal,
): Promise<void> {
  const [file = '', ...args] = command;
  const result = await execa(file, args, {
    reject: false,
    stdin: 'ignore',
    all: true,
    maxBuffer: 1_000_000,
    timeout: timeoutSeconds * 1000,
    cancelSignal,
  });
  cancelSignal.throwIfAborted();
  if (result.exitCode === 0) return;
  const why = result.timedOut
    ? `no end within ${timeoutSeconds} s`
    : `exit code ${result.exitCode ?? result.signal ?? result.code ?? 'none'}`;
  const said = result.all.trim().split('\n').at(-1)?.slice(0, 200) ?? '';
  // Its arguments may hold secrets.
  throw new LifeboatError('EngineFailed', `the rebuild command of ${component} (${file}) failed: ${why}; ${said}`, {
    component,
    hint: 'run it by hand on this host; the application must be up',
  });
}

async function documentsIn(config: VectorstoreConfig, folder: string, signal: AbortSignal): Promise<number> {
  const { id: component, embeddingModel, memoryLimit: memoryLimitBytes } = config;
  const path = join(config.path, folder);
  const { valid, errors } = await verifyStore(path, { component, embeddingModel, memoryLimitBytes, signal });
  if (!valid)
    throw new LifeboatError('ValidationFailed', `the store that was built in \`${path}\`: ${errors.join('; ')}`, {
      component,
    });
  return (await readMetadata(join(path, metadataFile), component)).documentCount ?? 0;
}
