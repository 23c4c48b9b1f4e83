/** The connection to a bucket: address, credentials, retries. */
import { S3Client } from '@aws-sdk/client-s3';

export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly expiration?: Date;
}

export interface S3Settings {
  readonly bucket: string;
  /** Folder within the bucket, without slashes at its ends; empty for the bucket itself. */
  readonly prefix: string;
  readonly region: string;
  /** The address of another maker's server; AWS where absent. */
  readonly endpoint: string | undefined;
  /** `https://host/bucket/key` instead of `https://bucket.host/key`: most other makers need it. */
  readonly pathStyle: boolean;
  /** The storage class of packs; everything else is small or read often and stays in STANDARD. Empty leaves it to the bucket. */
  readonly storageClass: string;
  /** Asked for on every write, and its answer is checked; `none` where the server has no encryption of its own. */
  readonly sse: 'AES256' | 'none';
  /** The usual AWS chain (environment, profile, role) where absent. A function is asked again when they expire. */
  readonly credentials: S3Credentials | (() => Promise<S3Credentials>) | undefined;
}

/** A server that throttles is asked again by the client itself, with growing pauses, before an activity is. */
const attempts = 6;
const connectMs = 5_000;
/** A request moves at most a part of an upload. */
const requestMs = 120_000;

export function createClient({ region, endpoint, pathStyle, credentials }: S3Settings): S3Client {
  return new S3Client({
    region,
    forcePathStyle: pathStyle,
    maxAttempts: attempts,
    retryMode: 'standard',
    requestHandler: { connectionTimeout: connectMs, requestTimeout: requestMs },
    // An endpoint of one's own goes with neither, whatever the environment asks of AWS's.
    ...(endpoint === undefined ? {} : { endpoint, useFipsEndpoint: false, useDualstackEndpoint: false }),
    ...(credentials === undefined ? {} : { credentials }),
  });
}
