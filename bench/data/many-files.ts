/** A folder of very many small files and a configuration for it alone: no engine runs. */
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { stringify } from 'yaml';
import { stateFolder } from '../../src/dev/folders.ts';

export interface ManyFiles {
  readonly count: number;
  readonly folder: string;
  /** Where the files lie. */
  readonly data: string;
  readonly repository: string;
  readonly configFile: string;
  /** For peers; emptied by whoever uses a part of it. */
  readonly work: string;
  /** What was restored, until all runs are over. */
  readonly restored: string;
}

const fileBytes = 1024;
const filesInFolder = 100;
const foldersInFolder = 100;
/** Files that were changed a shorter time ago are read again, for they may be mapped (src/domain/written-back.ts). */
const settledMs = 75_000;

/** Made once; what an earlier benchmark kept is used. Every file is old enough to be known by its times. */
export async function openManyFiles(count: number, say: (text: string) => void): Promise<ManyFiles> {
  const folder = join(stateFolder(), 'bench', `files-${count}`);
  const at = (name: string): string => join(folder, name);
  const files: ManyFiles = {
    count,
    folder,
    data: at('data'),
    repository: at('repository'),
    configFile: at('lifeboat.yaml'),
    work: at('work'),
    restored: at('restored'),
  };
  const made = await readFile(at('made'), 'utf8').catch(() => undefined);
  const madeAt = made === undefined ? await make(files, say) : Number(made);
  const wait = madeAt + settledMs - Date.now();
  if (wait > 0) {
    say(`waits ${Math.ceil(wait / 1000)} s until the system has written the files back`);
    await delay(wait);
  }
  return files;
}

export async function removeRestored({ restored }: ManyFiles): Promise<void> {
  await rm(restored, { recursive: true, force: true, maxRetries: 5 });
}

export async function removeManyFiles({ folder }: ManyFiles): Promise<void> {
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
}

async function make({ folder, data, repository, configFile, work, count }: ManyFiles, say: (text: string) => void) {
  say(`makes ${count} files of ${fileBytes} bytes in ${data}`);
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  for (const each of [data, work, join(folder, 'secrets')]) await mkdir(each, { recursive: true, mode: 0o700 });
  const key = join(folder, 'secrets', 'repository-key');
  await writeFile(key, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600 });
  await writeFile(
    configFile,
    stringify({
      appliance: 'many-files',
      state: join(folder, 'state'),
      repository: { path: repository, encryption: { key: { file: key } } },
      components: { files: { kind: 'files', paths: [data] } },
    }),
    { mode: 0o600 },
  );
  for (let first = 0; first < count; first += filesInFolder) {
    const number = first / filesInFolder;
    const names = [Math.floor(number / foldersInFolder), number % foldersInFolder].map(String);
    const inner = join(data, ...names);
    await mkdir(inner, { recursive: true });
    const numbers = Array.from({ length: Math.min(filesInFolder, count - first) }, (_, file) => first + file);
    // Text that no two files share, and that shrinks to about half.
    await Promise.all(
      numbers.map((file) => writeFile(join(inner, `document-${file}.txt`), randomBytes(fileBytes / 2).toString('hex'))),
    );
  }
  const madeAt = Date.now();
  await writeFile(join(folder, 'made'), String(madeAt));
  return madeAt;
}
