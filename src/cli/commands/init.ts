/**
 * `lifeboat init`: writes lifeboat.yaml and the key where they are missing, creates the repository, prints the recovery
 * kit. May be called again: what exists is used and never overwritten.
 */
import { access, mkdir, open, readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { configurationTemplate } from '../../config/template.ts';
import { LifeboatError } from '../../domain/errors.ts';
import { initRepository } from '../../repository/init.ts';
import { generateKey } from '../../repository/recovery-key.ts';
import { createLocalStorage } from '../../storage/local/local-storage.ts';
import { keySourceOf } from '../../../workers/wire.ts';
import { configPath, loadAppliance, print, say, type GlobalOptions } from '../context.ts';

export interface InitOptions {
  readonly repository: string;
  readonly keyFile: string;
  readonly appliance: string;
  readonly encryption: boolean;
}

export async function init(globals: GlobalOptions, options: InitOptions): Promise<void> {
  const file = configPath(globals);
  if (await exists(file)) say(`uses the configuration ${file}`);
  else {
    const keyFile = options.encryption ? resolve(options.keyFile) : undefined;
    if (keyFile !== undefined) await ensureKey(keyFile);
    const state = process.getuid?.() === 0 ? '/var/lib/lifeboat' : `/var/tmp/lifeboat-${process.getuid?.() ?? 0}/state`;
    await createFile(
      file,
      configurationTemplate({ appliance: options.appliance, repository: resolve(options.repository), keyFile, state }),
      0o640,
    );
    say(`wrote ${file}: check every path in it`);
  }
  const appliance = await loadAppliance(globals);
  const { path, encryption } = appliance.repository;
  if (encryption.mode === 'key' && encryption.secret.from === 'file') await ensureKey(encryption.secret.path);
  await mkdir(path, { recursive: true, mode: 0o700 });
  const { repository, recoveryKit } = await initRepository(createLocalStorage(path), await keySourceOf(appliance));
  await repository.close();
  say(`created the repository ${repository.id} in ${path}\n`);
  print(recoveryKit);
  say('next: lifeboat doctor');
}

async function ensureKey(path: string): Promise<void> {
  if (await exists(path)) {
    // A key that cannot be read must not be found out at the first restore.
    await readFile(path);
    return;
  }
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await createFile(path, `${generateKey().trimEnd()}\n`, 0o600);
  say(`wrote a new key to ${path}`);
}

/** Create-if-absent and durable. */
async function createFile(path: string, text: string, mode: number): Promise<void> {
  try {
    const handle = await open(path, 'wx', mode);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new LifeboatError(
      code === 'EACCES' || code === 'EPERM' ? 'PermissionDenied' : 'Precondition',
      `cannot write \`${path}\`: ${code ?? String(error)}`,
      {
        hint: 'choose another place with --config, --key-file or --repository, or run as root',
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
