/** Makes folders, secrets, an empty database cluster and redis.conf. Starts nothing; may be called again. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findOsUser } from '../../platform/process/os-user.ts';
import { generateKey } from '../../repository/recovery-key.ts';
import { preparePostgres } from '../postgres.ts';
import { prepareRedis } from '../redis.ts';
import type { SampleAppliance } from './description.ts';
import { giveToUser } from './give-to-user.ts';
import { secretFiles } from './lifeboat-yaml.ts';

export async function prepareAppliance(appliance: SampleAppliance): Promise<void> {
  const { folders, ports, passwords, offSite, binaries } = appliance;
  const user = appliance.user === undefined ? {} : { user: await findOsUser(appliance.user) };
  for (const folder of [folders.run, folders.lifeboat, folders.acknowledgements, folders.repository]) {
    await mkdir(folder, { recursive: true });
  }
  await mkdir(folders.secrets, { recursive: true, mode: 0o700 });
  await writeSecret(join(folders.secrets, secretFiles.postgres), passwords.postgres);
  await writeSecret(join(folders.secrets, secretFiles.redis), passwords.redis);
  if (offSite !== undefined) await writeSecret(join(folders.secrets, secretFiles.offSite), offSite.secretKey);
  await writeSecret(join(folders.secrets, secretFiles.repositoryKey), generateKey());
  await preparePostgres({
    directory: folders.postgres,
    port: ports.postgres,
    password: passwords.postgres,
    binDirectory: binaries.postgresBin,
    ...user,
  });
  await prepareRedis({ directory: folders.redis, port: ports.redis, password: passwords.redis, ...user });
  await giveToUser(appliance, [folders.run]);
}

/** A secret that exists is kept: the repository's key above all. */
async function writeSecret(path: string, value: string): Promise<void> {
  try {
    await writeFile(path, `${value}\n`, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}
