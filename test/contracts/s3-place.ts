/** S3 storage for the contract: the server comes from the environment, so that the contract's child finds it as well. */
import type { S3Settings } from '../../src/storage/s3/client.ts';
import { createS3Storage } from '../../src/storage/s3/s3-storage.ts';
import type { Storage } from '../../src/storage/storage.ts';

const variable = 'LIFEBOAT_TEST_S3';

export function setServer(settings: S3Settings): void {
  process.env[variable] = JSON.stringify(settings);
}

/** The place is a folder within the bucket. */
export function openS3(place: string): Storage {
  const settings = JSON.parse(process.env[variable] ?? '') as S3Settings;
  return createS3Storage({ ...settings, prefix: place.replace(/^\//, '') });
}
