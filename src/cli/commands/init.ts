/**
 * `lifeboat init`: writes lifeboat.yaml and the key where they are missing, creates the repository, prints the recovery
 * kit. What exists is never overwritten: on a new machine it takes up a repository that the key opens.
 */
import { fchmodSync, fstatSync } from 'node:fs';
import { access, mkdir, open, readFile, rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { parseConfiguration } from '../../config/load.ts';
import { configurationTemplate } from '../../config/template.ts';
import type { Appliance } from '../../domain/appliance.ts';
import { isLifeboatError, LifeboatError } from '../../domain/errors.ts';
import { initRepository, refuseRemains } from '../../repository/init.ts';
import type { KeySource } from '../../repository/keys.ts';
import { openRepository } from '../../repository/open.ts';
import { generateKey } from '../../repository/recovery-key.ts';
import { createLocalStorage } from '../../storage/local/local-storage.ts';
import { copiesIn } from '../../../workers/locations.ts';
import { keySourceOf } from '../../../workers/parts.ts';
import { loadAppliance } from '../context.ts';
import { commandOf, configPath, type GlobalOptions } from '../globals.ts';
import { print, say } from '../output/speak.ts';

export interface InitOptions {
  readonly repository: string;
  readonly keyFile: string;
  readonly appliance: string;
  readonly encryption: boolean;
}

export async function init(globals: GlobalOptions, options: InitOptions): Promise<void> {
  const file = configPath(globals);
  if (!(await exists(file))) return begin(globals, file, options);
  const appliance = await loadAppliance(globals);
  say(`uses the configuration ${file}`);
  if (await holdsRepository(appliance.repository.path)) {
    throw new LifeboatError(
      'Precondition',
      `${file} and the repository in ${appliance.repository.path} exist already; nothing was written`,
      {
        hint: `check them with \`${commandOf(globals, 'doctor')}\`; for another appliance name another file with --config`,
      },
    );
  }
  await create(globals, appliance);
}

/** No configuration yet: a new repository with a new key, or one that exists and that an existing key opens. */
async function begin(globals: GlobalOptions, file: string, options: InitOptions): Promise<void> {
  const keyFile = options.encryption ? resolve(options.keyFile) : undefined;
  const path = resolve(options.repository);
  const state = process.getuid?.() === 0 ? '/var/lib/lifeboat' : `/var/tmp/lifeboat-${process.getuid?.() ?? 0}/state`;
  const text = configurationTemplate({ appliance: options.appliance, repository: path, keyFile, state });
  requireReadable(text, file);
  if (await holdsRepository(path)) {
    const id = await takeUp(path, keyFile);
    await createFile(file, text, 0o640);
    say(`uses the repository ${id} in ${path}`);
    say(`wrote ${file}: check every path in it`);
    return say(`next: ${commandOf(globals, 'doctor')}`);
  }
  // What can fail comes first: a configuration that stands already would keep the next try from other places.
  await ensureFolder(path);
  await refuseRemains(createLocalStorage(path));
  if (keyFile !== undefined) await ensureKey(keyFile);
  await createFile(file, text, 0o640);
  say(`wrote ${file}: check every path in it`);
  await create(globals, await loadAppliance(globals));
}

/** InputInvalid for an option that would make a configuration that no command reads. */
function requireReadable(text: string, file: string): void {
  try {
    parseConfiguration(text, file);
  } catch (error) {
    if (!isLifeboatError(error, 'ConfigInvalid')) throw error;
    throw new LifeboatError(
      'InputInvalid',
      `with these options ${file} could not be read; nothing was written: ${error.message.replaceAll(/^.*?:\d+: /gm, '')}`,
      {
        hint: 'choose other values for --appliance, --repository or --key-file',
        cause: error,
      },
    );
  }
}

async function create(globals: GlobalOptions, appliance: Appliance): Promise<void> {
  const { path, encryption } = appliance.repository;
  const copies = copiesIn(appliance.locations);
  // Before a key is made that would open nothing of what lies there.
  await refuseRemains(createLocalStorage(path), copies);
  if (encryption.mode === 'key' && encryption.secret.from === 'file') await ensureKey(encryption.secret.path);
  await ensureFolder(path);
  const { repository, recoveryKit } = await initRepository(createLocalStorage(path), await keySourceOf(appliance), {
    copies,
  });
  await repository.close();
  say(`created the repository ${repository.id} in ${path}`);
  say('');
  keepPrivate(process.stdout.fd);
  print(recoveryKit);
  say(`next: ${commandOf(globals, 'doctor')}`);
}

/** The kit holds the key: a file that it is redirected to is for its owner alone. */
function keepPrivate(fd: number): void {
  const facts = fstatSync(fd);
  if (!facts.isFile() || (facts.mode & 0o077) === 0) return;
  try {
    fchmodSync(fd, 0o600);
    say('the recovery kit goes into a file that others could read: it is now for its owner alone');
  } catch {
    say('! the recovery kit goes into a file that others can read: `chmod 600` it');
  }
}

async function holdsRepository(path: string): Promise<boolean> {
  return exists(resolve(path, 'repository.json'));
}

/** The id of an existing repository. A new key would not open it: the old one must be there. */
async function takeUp(path: string, keyFile: string | undefined): Promise<string> {
  if (keyFile !== undefined && !(await exists(keyFile))) {
    throw new LifeboatError(
      'KeyMissing',
      `there is a repository in ${path} already, and no key in ${keyFile}; nothing was written`,
      {
        hint: 'write the key of its recovery kit (the four lines) into that file and run this again, or name another folder with --repository',
      },
    );
  }
  const source: KeySource =
    keyFile === undefined ? { mode: 'none' } : { mode: 'key', key: await readFile(keyFile, 'utf8') };
  try {
    const repository = await openRepository(createLocalStorage(path), source);
    await repository.close();
    return repository.id;
  } catch (error) {
    if (!isLifeboatError(error, 'KeyWrong')) throw error;
    throw new LifeboatError(
      'KeyWrong',
      `there is a repository in ${path} already, and the key in ${keyFile ?? ''} does not open it; nothing was written`,
      {
        hint: 'use the key of its recovery kit, or name another folder with --repository',
        cause: error,
      },
    );
  }
}

async function ensureKey(path: string): Promise<void> {
  if (await exists(path)) {
    // A key that cannot be read must not be found out at the first restore.
    await readFile(path);
    return;
  }
  await ensureFolder(dirname(path));
  await createFile(path, `${generateKey().trimEnd()}\n`, 0o600);
  say(`wrote a new key to ${path}`);
}

async function ensureFolder(path: string): Promise<void> {
  await writable(path, async () => mkdir(path, { recursive: true, mode: 0o700 }));
}

/** Create-if-absent and durable; nothing stays where it could not be written whole. */
async function createFile(path: string, text: string, mode: number): Promise<void> {
  await writable(path, async () => {
    const handle = await open(path, 'wx', mode);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } catch (error) {
      await rm(path, { force: true });
      throw error;
    } finally {
      await handle.close();
    }
  });
}

async function writable<T>(path: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new LifeboatError(
      code === 'EACCES' || code === 'EPERM' ? 'PermissionDenied' : 'Precondition',
      `cannot write \`${path}\`: ${code ?? String(error)}`,
      {
        hint: `choose another place with --config, --key-file or --repository${process.getuid?.() === 0 ? '' : ', or run as root'}`,
        cause: error,
      },
    );
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
