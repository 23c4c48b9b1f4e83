/** What S3 and its client answer, in words of the catalogue. Never holds credentials. */
import { S3ServiceException } from '@aws-sdk/client-s3';
import { causes } from '../../domain/causes.ts';
import { LifeboatError, type ErrorCode } from '../../domain/errors.ts';

const codes: Readonly<Record<string, ErrorCode>> = {
  NoSuchKey: 'ObjectMissing',
  NotFound: 'ObjectMissing',
  NoSuchBucket: 'Precondition',
  InvalidAccessKeyId: 'AuthFailed',
  SignatureDoesNotMatch: 'AuthFailed',
  InvalidToken: 'AuthFailed',
  ExpiredToken: 'AuthFailed',
  CredentialsProviderError: 'AuthFailed',
  AccessDenied: 'PermissionDenied',
  Forbidden: 'PermissionDenied',
  AllAccessDisabled: 'PermissionDenied',
  InvalidStorageClass: 'Precondition',
  InvalidArgument: 'Precondition',
  NotImplemented: 'Precondition',
  XMinioStorageFull: 'NoSpace',
  QuotaExceeded: 'NoSpace',
  InvalidRange: 'ObjectCorrupt',
};

const hints: Readonly<Record<string, string>> = {
  NoSuchBucket: 'create the bucket, or correct `bucket` of the location; Lifeboat makes none by itself',
  InvalidStorageClass: 'set `storageClass` of the location to one that the server knows',
  CredentialsProviderError: 'set `accessKey` and `secretKey` of the location, or the usual AWS variables',
};

export function s3Error(error: unknown, act: string, where: string): LifeboatError {
  if (error instanceof LifeboatError) return error;
  const name = error instanceof Error ? error.name : 'unknown error';
  const status = error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;
  const code = codes[name] ?? (status === 403 ? 'PermissionDenied' : 'StorageFailed');
  const text = error instanceof Error ? error.message : String(error);
  const hint = hints[name] ?? (code === 'PermissionDenied' ? causes.noRights.hint : undefined);
  return new LifeboatError(
    code,
    `cannot ${act} in ${where}: ${name}${status === undefined ? '' : ` (${status})`}: ${text}`,
    {
      ...(hint === undefined ? {} : { hint }),
      cause: error,
    },
  );
}

export function isMissing(error: unknown): boolean {
  return error instanceof S3ServiceException && (error.$metadata.httpStatusCode === 404 || error.name === 'NoSuchKey');
}

/** Completed, aborted or swept already. */
export function isUploadGone(error: unknown): boolean {
  return error instanceof S3ServiceException && error.name === 'NoSuchUpload';
}

/** If-None-Match or If-Match did not hold. */
export function isConditionFailed(error: unknown): boolean {
  return error instanceof S3ServiceException && error.$metadata.httpStatusCode === 412;
}

/** Another conditional write of the same key is under way: its end decides, ask again. */
export function isConflict(error: unknown): boolean {
  return error instanceof S3ServiceException && error.$metadata.httpStatusCode === 409;
}
