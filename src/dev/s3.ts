/** A real S3 server in a folder of its own: versitygw (files as objects) or MinIO. */
import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { CreateBucketCommand, ListBucketsCommand, S3Client } from '@aws-sdk/client-s3';
import type { OsUser } from '../platform/process/os-user.ts';
import type { S3Credentials, S3Settings } from '../storage/s3/client.ts';
import { startEngine, type EngineProcess } from './engine-process.ts';
import { findMinio, findVersitygw } from './engines.ts';
import { freePort } from './free-ports.ts';

export const s3Makers = ['versitygw', 'minio'] as const;
export type S3Maker = (typeof s3Makers)[number];

export interface S3Options {
  /** Holds the log and `data/`; made when absent. */
  readonly directory: string;
  readonly maker?: S3Maker;
  readonly port?: number;
  readonly accessKey?: string;
  readonly secretKey?: string;
  readonly bucket?: string;
  readonly user?: OsUser;
  readonly detached?: boolean;
}

export interface RunningS3 extends EngineProcess {
  readonly settings: S3Settings & { readonly credentials: S3Credentials };
  readonly port: number;
  readonly dataDirectory: string;
}

export async function startS3(options: S3Options): Promise<RunningS3> {
  const { directory, maker = 'versitygw', bucket = 'lifeboat' } = options;
  const port = options.port ?? (await freePort());
  const accessKeyId = options.accessKey ?? 'lifeboat-test';
  const secretAccessKey = options.secretKey ?? randomBytes(12).toString('hex');
  const dataDirectory = join(directory, 'data');
  await mkdir(dataDirectory, { recursive: true, mode: 0o700 });
  const settings = {
    bucket,
    prefix: '',
    region: 'us-east-1',
    endpoint: `http://127.0.0.1:${port}`,
    pathStyle: true,
    storageClass: '',
    // versitygw has none of its own.
    sse: maker === 'minio' ? 'AES256' : 'none',
    credentials: { accessKeyId, secretAccessKey },
  } as const;
  const client = new S3Client({
    region: settings.region,
    endpoint: settings.endpoint,
    forcePathStyle: true,
    credentials: settings.credentials,
  });
  const running = await startEngine({
    name: maker,
    cwd: directory,
    logFile: join(directory, `${maker}.log`),
    user: options.user,
    stopSignal: 'SIGTERM',
    detached: options.detached ?? false,
    ...commandOf(maker, { port, dataDirectory, accessKeyId, secretAccessKey }),
    answers: () => client.send(new ListBucketsCommand({})),
  });
  const { Buckets = [] } = await client.send(new ListBucketsCommand({}));
  if (!Buckets.some(({ Name }) => Name === bucket)) await client.send(new CreateBucketCommand({ Bucket: bucket }));
  return { ...running, settings, port, dataDirectory };
}

interface Command {
  readonly port: number;
  readonly dataDirectory: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

function commandOf(maker: S3Maker, { port, dataDirectory, accessKeyId, secretAccessKey }: Command) {
  const address = `127.0.0.1:${port}`;
  if (maker === 'minio') {
    return {
      command: [findMinio(), 'server', '--quiet', '--address', address, dataDirectory],
      env: {
        MINIO_ROOT_USER: accessKeyId,
        MINIO_ROOT_PASSWORD: secretAccessKey,
        // A key of its own, so that it encrypts what it is asked to.
        MINIO_KMS_SECRET_KEY: `lifeboat:${Buffer.alloc(32, 7).toString('base64')}`,
        MINIO_BROWSER: 'off',
        HOME: dataDirectory,
      },
    };
  }
  return {
    command: [findVersitygw(), '--port', address, 'posix', dataDirectory],
    env: { ROOT_ACCESS_KEY: accessKeyId, ROOT_SECRET_KEY: secretAccessKey, HOME: dataDirectory },
  };
}
