/**
 * A staged object of S3. Small ones wait in memory and are one PUT; larger ones are an upload in parts, which no reader
 * sees until it is completed. Both become visible under the condition that the key is free.
 */
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  PutObjectCommand,
  UploadPartCommand,
  type CompletedPart,
  type S3Client,
} from '@aws-sdk/client-s3';
import type { StagedObject } from '../storage.ts';
import { isUploadGone } from './errors.ts';

/**
 * A pack (17 MiB at most) is one PUT. S3 takes 10,000 parts: objects up to 200 GB. Two are on their way while a third
 * fills: 60 MiB of memory at most.
 */
const partBytes = 20 * 1024 * 1024;
const partsAtOnce = 2;

/** What every request that makes an object says of it. */
export interface ObjectOptions {
  readonly Bucket: string;
  readonly Key: string;
  readonly StorageClass?: 'STANDARD_IA';
  readonly ServerSideEncryption?: 'AES256';
}

export class StagedUpload implements StagedObject {
  readonly key: string;
  readonly #client: S3Client;
  readonly #options: ObjectOptions;
  #size = 0;
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #uploadId: string | undefined;
  readonly #parts: Promise<CompletedPart>[] = [];
  #isOver = false;

  constructor(client: S3Client, key: string, options: ObjectOptions) {
    this.#client = client;
    this.key = key;
    this.#options = options;
  }

  get size(): number {
    return this.#size;
  }

  async append(bytes: Uint8Array): Promise<void> {
    // The caller's memory may be used again.
    this.#pending.push(Buffer.from(bytes));
    this.#pendingBytes += bytes.length;
    this.#size += bytes.length;
    while (this.#pendingBytes >= partBytes) await this.#sendPart(partBytes);
  }

  /** Resolves with how the server stored it. Rejects with the condition's failure where the key is taken. */
  async complete(): Promise<{ readonly ServerSideEncryption?: string | undefined }> {
    const { Bucket, Key } = this.#options;
    if (this.#uploadId === undefined) {
      const answer = await this.#client.send(
        new PutObjectCommand({ ...this.#options, Body: Buffer.concat(this.#pending), IfNoneMatch: '*' }),
      );
      this.#end();
      return answer;
    }
    if (this.#pendingBytes > 0) await this.#sendPart(this.#pendingBytes);
    const parts = await Promise.all(this.#parts);
    const request = { Bucket, Key, UploadId: this.#uploadId, MultipartUpload: { Parts: parts }, IfNoneMatch: '*' };
    try {
      await this.#client.send(new CompleteMultipartUploadCommand(request));
    } catch (error) {
      // Completed, and the answer was lost: the object itself says so below.
      if (!isUploadGone(error)) throw error;
    }
    this.#end();
    // Not every maker's answer to the completion says how the object is stored.
    return this.#client.send(new HeadObjectCommand({ Bucket, Key }));
  }

  async discard(): Promise<void> {
    if (this.#isOver) return;
    const { Bucket, Key } = this.#options;
    await Promise.allSettled(this.#parts);
    if (this.#uploadId !== undefined) {
      try {
        await this.#client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId: this.#uploadId }));
      } catch (error) {
        if (!isUploadGone(error)) throw error;
      }
    }
    this.#end();
  }

  #end(): void {
    this.#isOver = true;
    this.#pending = [];
    this.#pendingBytes = 0;
  }

  async #sendPart(bytes: number): Promise<void> {
    const all = Buffer.concat(this.#pending);
    const rest = all.subarray(bytes);
    this.#pending = rest.length === 0 ? [] : [rest];
    this.#pendingBytes = rest.length;
    const { Bucket, Key } = this.#options;
    this.#uploadId ??= (
      await this.#client.send(new CreateMultipartUploadCommand({ ...this.#options, ChecksumAlgorithm: 'CRC32' }))
    ).UploadId;
    const number = this.#parts.length + 1;
    const sending = this.#client
      .send(
        new UploadPartCommand({
          Bucket,
          Key,
          UploadId: this.#uploadId,
          PartNumber: number,
          Body: all.subarray(0, bytes),
          ChecksumAlgorithm: 'CRC32',
        }),
      )
      .then(({ ETag, ChecksumCRC32 }): CompletedPart => ({ PartNumber: number, ETag, ChecksumCRC32 }));
    // Told by `complete`; until then it must not count as unhandled.
    sending.catch(() => undefined);
    this.#parts.push(sending);
    await this.#parts[number - 1 - partsAtOnce];
  }
}
