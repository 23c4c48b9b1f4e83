/**
 * A repository's objects in a bucket of S3 or of another maker's server. Creation is conditional (If-None-Match), also of
 * an upload in parts; an answer of S3 that an object is stored is the durability barrier.
 */
import {
  AbortMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  PutObjectCommand,
  paginateListObjectsV2,
  type MultipartUpload,
  type S3Client,
} from '@aws-sdk/client-s3';
import { setTimeout as delay } from 'node:timers/promises';
import { LifeboatError } from '../../domain/errors.ts';
import { assertKey, assertPrefix, isImmutable, isKey } from '../key.ts';
import type { ObjectInfo, OnStray, StagedObject, Storage } from '../storage.ts';
import { tryConditions } from './condition-trial.ts';
import { createClient, type S3Settings } from './client.ts';
import { isConditionFailed, isConflict, isMissing, s3Error } from './errors.ts';
import { StagedUpload, type ObjectOptions } from './upload.ts';

/** Commits on their way at once: S3 answers each in tens of milliseconds. */
const commitsAtOnce = 8;
const conflictRetries = 20;
const conflictPauseMs = 100;
/** Only these are large and seldom read. */
const coldPrefix = 'packs/';

export function createS3Storage(settings: S3Settings): Storage {
  return new S3Storage(settings);
}

class S3Storage implements Storage {
  readonly description: string;
  readonly #settings: S3Settings;
  readonly #client: S3Client;
  readonly #root: string;
  #honest: Promise<void> | undefined;

  constructor(settings: S3Settings) {
    this.#settings = settings;
    this.#client = createClient(settings);
    this.#root = settings.prefix === '' ? '' : `${settings.prefix}/`;
    this.description = `s3://${settings.bucket}/${settings.prefix}`;
  }

  async stage(key: string): Promise<StagedObject> {
    assertKey(key);
    const upload = new StagedUpload(this.#client, key, this.#optionsOf(key));
    return new Guarded(upload, (act, run) => this.#attempt(act, run));
  }

  async commit(staged: readonly StagedObject[]): Promise<void> {
    const waiting = [...staged];
    const commitNext = async (): Promise<void> => {
      for (let object = waiting.shift(); object !== undefined; object = waiting.shift()) await this.#commitOne(object);
    };
    await Promise.all(Array.from({ length: Math.min(commitsAtOnce, staged.length) }, commitNext));
  }

  async putIfAbsent(key: string, bytes: Uint8Array): Promise<'created' | 'exists'> {
    assertKey(key);
    return this.#attempt(`create ${key}`, async () => {
      let answer: Encrypted | undefined;
      const outcome = await this.#conditional(async () => {
        const request = { ...this.#optionsOf(key), Body: bytes, IfNoneMatch: '*' };
        answer = await this.#client.send(new PutObjectCommand(request));
      });
      await this.#requireEncrypted(key, answer);
      return outcome;
    });
  }

  async replaceIf(key: string, expected: string, bytes: Uint8Array): Promise<string | undefined> {
    assertKey(key);
    return this.#attempt(`replace ${key}`, async () => {
      if (expected === '' || (await this.stat(key)) === undefined) return undefined;
      let answer: (Encrypted & { readonly ETag?: string | undefined }) | undefined;
      const outcome = await this.#conditional(async () => {
        const request = { ...this.#optionsOf(key), Body: bytes, IfMatch: expected };
        answer = await this.#client.send(new PutObjectCommand(request));
      });
      if (outcome === 'exists' || answer === undefined) return undefined;
      if (!this.#isEncrypted(answer)) throw this.#unencrypted(key);
      return answer.ETag;
    });
  }

  async read(
    key: string,
    range?: { readonly offset: number; readonly length: number },
  ): Promise<Uint8Array<ArrayBuffer>> {
    assertKey(key);
    return this.#attempt(`read ${key}`, async () => {
      if (range?.length === 0) {
        await this.#head(key);
        return new Uint8Array(0);
      }
      const Range = range === undefined ? undefined : `bytes=${range.offset}-${range.offset + range.length - 1}`;
      const { Body } = await this.#client.send(new GetObjectCommand({ ...this.#place(key), Range }));
      const received = (await Body?.transformToByteArray()) ?? new Uint8Array(0);
      if (range !== undefined && received.length !== range.length)
        throw this.#short(key, received.length, range.length);
      return withOwnBuffer(received);
    });
  }

  async readInto(key: string, offset: number, into: Uint8Array): Promise<void> {
    into.set(await this.read(key, { offset, length: into.length }));
  }

  async stat(key: string): Promise<ObjectInfo | undefined> {
    assertKey(key);
    return this.#attempt(`look up ${key}`, async () => {
      try {
        return await this.#head(key);
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw error;
      }
    });
  }

  async *list(prefix: string, onStray?: OnStray): AsyncIterable<ObjectInfo> {
    assertPrefix(prefix);
    const pages = paginateListObjectsV2(
      { client: this.#client },
      { Bucket: this.#settings.bucket, Prefix: this.#root + prefix },
    )[Symbol.asyncIterator]();
    for (;;) {
      const page = await this.#attempt(`list ${prefix}`, () => pages.next());
      if (page.done === true) return;
      for (const { Key = '', Size = 0, LastModified, ETag = '' } of page.value.Contents ?? []) {
        const key = Key.slice(this.#root.length);
        if (isKey(key)) yield { key, size: Size, modifiedAt: LastModified ?? new Date(0), version: ETag };
        else if (!isFolderMark(key, Size)) onStray?.({ path: key, problem: '' });
      }
    }
  }

  async remove(key: string): Promise<void> {
    assertKey(key);
    await this.#attempt(`remove ${key}`, () => this.#client.send(new DeleteObjectCommand(this.#place(key))));
  }

  async sweepStaged(olderThanMs: number): Promise<number> {
    const limit = (await this.now()).getTime() - olderThanMs;
    return this.#attempt('sweep uploads', async () => {
      let swept = 0;
      for await (const { Key, UploadId, Initiated } of this.#uploads()) {
        if (Initiated === undefined || Initiated.getTime() > limit) continue;
        await this.#client.send(new AbortMultipartUploadCommand({ Bucket: this.#settings.bucket, Key, UploadId }));
        swept += 1;
      }
      return swept;
    });
  }

  /** All that were begun and neither completed nor aborted. */
  async *#uploads(): AsyncIterable<MultipartUpload> {
    let from: { readonly KeyMarker?: string | undefined; readonly UploadIdMarker?: string | undefined } = {};
    for (;;) {
      const page = await this.#client.send(
        new ListMultipartUploadsCommand({ Bucket: this.#settings.bucket, Prefix: this.#root, ...from }),
      );
      yield* page.Uploads ?? [];
      if (page.IsTruncated !== true) return;
      from = { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker };
    }
  }

  /** The server's clock, from the Date of its answer: the same by which it stamps objects. Seconds. */
  async now(): Promise<Date> {
    return this.#attempt('read the clock', async () => {
      let date: string | undefined;
      const command = new HeadBucketCommand({ Bucket: this.#settings.bucket });
      command.middlewareStack.add(
        (next) => async (args) => {
          const result = await next(args);
          const { headers = {} } = result.response as { headers?: Record<string, string> };
          date = headers['date'];
          return result;
        },
        { step: 'deserialize', priority: 'low' },
      );
      await this.#client.send(command);
      const time = new Date(date ?? '');
      if (Number.isNaN(time.getTime())) throw new Error('the server sent no date');
      return time;
    });
  }

  async space(): Promise<undefined> {
    return undefined;
  }

  async #commitOne(object: StagedObject): Promise<void> {
    if (!(object instanceof Guarded))
      throw new LifeboatError('Internal', `staged object ${object.key} is of another storage`);
    await this.#attempt(`create ${object.key}`, async () => {
      let answer: Encrypted | undefined;
      const outcome = await this.#conditional(async () => {
        answer = await object.upload.complete();
      });
      await this.#requireEncrypted(object.key, answer);
      if (outcome === 'exists') await object.upload.discard();
    });
  }

  /** Before the first write of this process; a failure that is one of the moment is tried again. */
  async #requireHonest(): Promise<void> {
    this.#honest ??= tryConditions(this.#client, (key) => this.#optionsOf(key), this.description);
    this.#honest.catch(() => (this.#honest = undefined));
    return this.#honest;
  }

  /** Runs a conditional write until its condition is decided. */
  async #conditional(write: () => Promise<void>): Promise<'created' | 'exists'> {
    await this.#requireHonest();
    for (let attempt = 1; ; attempt += 1) {
      try {
        await write();
        return 'created';
      } catch (error) {
        if (isConditionFailed(error)) return 'exists';
        if (!isConflict(error) || attempt > conflictRetries) throw error;
        await delay(conflictPauseMs * Math.random() * attempt);
      }
    }
  }

  /**
   * A server that takes the request and does not encrypt would go unnoticed for ever. What it said when it created the
   * object counts; else it is asked, for a write whose answer was lost is found as one that stood before. What was just
   * created goes again: the next try would find it and go on.
   */
  async #requireEncrypted(key: string, created?: Encrypted): Promise<void> {
    // What changes is written anew, and then it is encrypted.
    if (this.#settings.sse === 'none' || (created === undefined && !isImmutable(key))) return;
    if (this.#isEncrypted(created ?? (await this.#client.send(new HeadObjectCommand(this.#place(key)))))) return;
    if (created !== undefined) await this.#client.send(new DeleteObjectCommand(this.#place(key)));
    throw this.#unencrypted(key);
  }

  #isEncrypted({ ServerSideEncryption }: Encrypted): boolean {
    return this.#settings.sse === 'none' || ServerSideEncryption === this.#settings.sse;
  }

  #unencrypted(key: string): LifeboatError {
    const { sse } = this.#settings;
    return new LifeboatError('Precondition', `${this.description} stored ${key} without ${sse} of its own`, {
      hint: 'switch server-side encryption on there, or set `sse: none` of the location: objects are sealed by Lifeboat anyway',
    });
  }

  async #head(key: string): Promise<ObjectInfo> {
    const {
      ContentLength = 0,
      LastModified,
      ETag = '',
    } = await this.#client.send(new HeadObjectCommand(this.#place(key)));
    return { key, size: ContentLength, modifiedAt: LastModified ?? new Date(0), version: ETag };
  }

  #place(key: string): { readonly Bucket: string; readonly Key: string } {
    return { Bucket: this.#settings.bucket, Key: this.#root + key };
  }

  #optionsOf(key: string): ObjectOptions {
    const { storageClass, sse } = this.#settings;
    return {
      ...this.#place(key),
      ...(storageClass !== '' && key.startsWith(coldPrefix)
        ? { StorageClass: storageClass as NonNullable<ObjectOptions['StorageClass']> }
        : {}),
      ...(sse === 'none' ? {} : { ServerSideEncryption: sse }),
    };
  }

  #short(key: string, received: number, wanted: number): LifeboatError {
    return new LifeboatError('ObjectCorrupt', `${this.description}: ${key} ends after ${received} of ${wanted} bytes`);
  }

  async #attempt<T>(act: string, run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      throw s3Error(error, act, this.description);
    }
  }
}

/** It may be transferred to a thread. Large answers have a buffer of their own, small ones lie in one that others share. */
function withOwnBuffer(received: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer } = received;
  if (buffer instanceof ArrayBuffer && buffer.byteLength === received.length) return new Uint8Array(buffer);
  const bytes = new Uint8Array(new ArrayBuffer(received.length));
  bytes.set(received);
  return bytes;
}

/** The empty object by which consoles and mounting programs show a folder of a bucket; `` is that of the prefix itself. */
function isFolderMark(key: string, size: number): boolean {
  return size === 0 && (key === '' || (key.endsWith('/') && isKey(key.slice(0, -1))));
}

interface Encrypted {
  readonly ServerSideEncryption?: string | undefined;
}

/** A staged upload whose failures are ours. */
class Guarded implements StagedObject {
  readonly upload: StagedUpload;
  readonly #attempt: <T>(act: string, run: () => Promise<T>) => Promise<T>;

  constructor(upload: StagedUpload, attempt: <T>(act: string, run: () => Promise<T>) => Promise<T>) {
    this.upload = upload;
    this.#attempt = attempt;
  }

  get key(): string {
    return this.upload.key;
  }

  get size(): number {
    return this.upload.size;
  }

  append(bytes: Uint8Array): Promise<void> {
    return this.#attempt(`upload ${this.key}`, () => this.upload.append(bytes));
  }

  discard(): Promise<void> {
    return this.#attempt(`discard ${this.key}`, () => this.upload.discard());
  }
}
