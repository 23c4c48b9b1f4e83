/** Tries what everything here relies on: a server that takes no notice of a condition would let two writers both win. */
import { randomBytes } from 'node:crypto';
import { DeleteObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { LifeboatError } from '../../domain/errors.ts';
import { isConditionFailed } from './errors.ts';
import type { ObjectOptions } from './upload.ts';

/** Precondition where it does not hold to them. `optionsOf` says how an object of that name is written. */
export async function tryConditions(
  client: S3Client,
  optionsOf: (key: string) => ObjectOptions,
  server: string,
): Promise<void> {
  // No part of a key begins with a dot: nobody lists it.
  const options = optionsOf(`.trial/${randomBytes(12).toString('hex')}`);
  const put = async (Body: string, condition: { IfNoneMatch: string } | { IfMatch: string }): Promise<boolean> => {
    try {
      await client.send(new PutObjectCommand({ ...options, Body, ...condition }));
      return true;
    } catch (error) {
      if (isConditionFailed(error)) return false;
      throw error;
    }
  };
  try {
    // Refused where its answer was lost and it was sent again: it stands in both cases.
    await put('first', { IfNoneMatch: '*' });
    const createdTwice = await put('second', { IfNoneMatch: '*' });
    const replaced = await put('third', { IfMatch: '"00000000000000000000000000000000"' });
    if (!createdTwice && !replaced) return;
    const which = createdTwice ? 'If-None-Match' : 'If-Match';
    throw new LifeboatError('Precondition', `${server} takes no notice of ${which}: it cannot exclude two writers`, {
      hint: 'use a server with conditional writes, as Amazon S3, MinIO and versitygw have them',
    });
  } finally {
    // Who may not delete leaves 6 bytes behind.
    await client.send(new DeleteObjectCommand({ Bucket: options.Bucket, Key: options.Key })).catch(() => undefined);
  }
}
