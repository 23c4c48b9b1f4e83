/** Where the repository and its copies lie, each opened once. */
import { readSecret } from '../src/config/secrets.ts';
import type { Appliance, LocationConfig, S3LocationConfig } from '../src/domain/appliance.ts';
import { LifeboatError } from '../src/domain/errors.ts';
import { createLocalStorage } from '../src/storage/local/local-storage.ts';
import type { S3Credentials } from '../src/storage/s3/client.ts';
import type { Storage } from '../src/storage/storage.ts';

const credentialsMs = 6 * 60_000;

/** By name; the repository's own place without one, or with an empty one. */
export function createStorages({ repository, locations }: Appliance): (location?: string) => Promise<Storage> {
  const own = createLocalStorage(repository.path);
  const opened = new Map<string, Promise<Storage>>();
  return async (name = '') => {
    if (name === '') return own;
    const known = opened.get(name);
    if (known !== undefined) return known;
    const config = locations.find((location) => location.name === name);
    if (config === undefined) throw unknownLocation(name, locations);
    const storage = createStorage(config);
    opened.set(name, storage);
    storage.catch(() => opened.delete(name));
    return storage;
  };
}

/** Where the objects of each location lie, for people. */
export function copiesIn(locations: readonly LocationConfig[]): string[] {
  return locations.map((location) => `${location.name} (${placeOf(location)})`);
}

function placeOf(location: LocationConfig): string {
  switch (location.kind) {
    case 'local':
      return location.path;
    case 'ssh':
      return `${location.user}@${location.hostname}:${location.path}`;
    case 's3':
      return ['s3:/', location.bucket, location.prefix].filter((part) => part !== '').join('/');
  }
}

/** The clients of S3 and SSH are large: they are loaded where a location needs them. */
async function createStorage(config: LocationConfig): Promise<Storage> {
  switch (config.kind) {
    case 'local':
      return createLocalStorage(config.path);
    case 'ssh': {
      const { createSshStorage } = await import('../src/storage/ssh/ssh-storage.ts');
      const { passphrase, ...settings } = config;
      return createSshStorage({
        ...settings,
        passphrase: passphrase === undefined ? undefined : async () => readSecret(passphrase),
      });
    }
    case 's3': {
      const { createS3Storage } = await import('../src/storage/s3/s3-storage.ts');
      const { bucket, prefix, region, endpoint, pathStyle, storageClass, sse } = config;
      return createS3Storage({
        bucket,
        prefix,
        region,
        endpoint,
        pathStyle,
        storageClass,
        sse,
        credentials: config.accessKey === undefined ? undefined : async () => credentialsOf(config),
      });
    }
  }
}

/** Read anew every few minutes: what was exchanged is used without a restart. */
async function credentialsOf({ accessKey, secretKey }: S3LocationConfig): Promise<S3Credentials> {
  return {
    accessKeyId: (await readSecret(accessKey)) ?? '',
    secretAccessKey: (await readSecret(secretKey)) ?? '',
    expiration: new Date(Date.now() + credentialsMs),
  };
}

function unknownLocation(name: string, locations: readonly LocationConfig[]): LifeboatError {
  const known = locations.map((location) => `\`${location.name}\``).join(', ');
  return new LifeboatError('NotFound', `there is no location \`${name}\` in lifeboat.yaml`, {
    hint: known === '' ? 'configure one under `locations`' : `configured are ${known}`,
  });
}
