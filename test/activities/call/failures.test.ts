import { readdirSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { CancelledFailure, type ApplicationFailure } from '@temporalio/activity';
import { describe, expect, test } from 'vitest';
import { classify, toFailure } from '../../../activities/call/failures.ts';
import { errorCatalogue, LifeboatError, type ErrorCode } from '../../../src/domain/errors.ts';

const errno = (code: string): Error =>
  Object.assign(new Error(`${code}: made up`), { code, syscall: 'write', path: '/backups/packs/x' });

describe('activity failures', () => {
  test.each(Object.keys(errorCatalogue) as ErrorCode[])(
    '%s keeps its code, and is retried as the catalogue says',
    (code) => {
      const failure = toFailure(
        new LifeboatError(code, 'something broke', { component: 'redis' }),
        undefined,
      ) as ApplicationFailure;
      expect(failure.type).toBe(code);
      expect(failure.nonRetryable).toBe(!errorCatalogue[code].retryable);
      expect(failure.message).toBe('redis: something broke');
      if (code !== 'Internal') expect(failure.stack, 'a person reads it').toBe('');
      expect(failure.details?.[0]).toMatchObject({ component: 'redis', hint: errorCatalogue[code].hint });
    },
  );

  test.each(['redis cannot be reached', 'redis: cannot be reached', 'nobody reaches `redis`'])(
    'a message that names its component is left as it is: %s',
    (message) => {
      expect(toFailure(new LifeboatError('Precondition', message, { component: 'redis' }), undefined).message).toBe(
        message,
      );
    },
  );

  test.each([
    ['ENOSPC', 'NoSpace'],
    ['EDQUOT', 'NoSpace'],
    ['EACCES', 'PermissionDenied'],
    ['EROFS', 'PermissionDenied'],
    ['ECONNREFUSED', 'EngineUnavailable'],
    ['EIO', 'StorageFailed'],
  ])('D6.1: %s of the operating system is %s, with the path', (code, expected) => {
    const error = classify(errno(code), 'postgres');
    expect(error.code).toBe(expected);
    expect(error.message).toContain('/backups/packs/x');
  });

  test('no error of the operating system is taken for a bug of ours, and each has a hint of its own', () => {
    const calls = ['EBADF', 'EFAULT'];
    for (const code of Object.keys(constants.errno)) {
      const error = classify(errno(code), undefined);
      expect([code, error.code === 'Internal']).toEqual([code, calls.includes(code)]);
      if (!calls.includes(code)) expect(error.hint).not.toContain('report');
    }
    const memory = Object.assign(new Error('no memory'), { code: 'ERR_WORKER_OUT_OF_MEMORY' });
    expect(classify(memory, 'redis')).toMatchObject({
      code: 'StorageFailed',
      hint: expect.stringContaining('memory') as string,
    });
  });

  test.each([7, 16])('a server that refuses us (gRPC %d) is AuthFailed', (code) => {
    const refused = Object.assign(new Error('7 PERMISSION_DENIED'), { code, details: 'no right', metadata: {} });
    expect(toFailure(new Error('Failed', { cause: refused }), undefined)).toMatchObject({
      type: 'AuthFailed',
      nonRetryable: true,
      message: expect.stringContaining('no right') as string,
    });
  });

  test.each([4, 8, 14])(
    'a server that does not answer (gRPC %d) is Unreachable and tried again, also wrapped',
    (code) => {
      const gone = Object.assign(new Error('14 UNAVAILABLE'), { code, details: 'x', metadata: {} });
      const failure = toFailure(new Error('Failed to describe', { cause: gone }), undefined);
      expect(failure).toMatchObject({ type: 'Unreachable', nonRetryable: false });
    },
  );

  test('an unknown error is Internal and is not tried again', () => {
    const failure = toFailure(new TypeError('undefined is not a function'), 'models');
    expect(failure).toMatchObject({ type: 'Internal', nonRetryable: true });
    expect(failure.stack, 'where the fault lies').toContain('failures.test.ts');
  });

  test('a failure of the SDK passes unchanged', () => {
    const cancelled = new CancelledFailure('stop');
    expect(toFailure(cancelled, 'x')).toBe(cancelled);
  });
});

test('a run fails with a code of the catalogue: another one would be told as a bug', () => {
  const root = new URL('../../../workflows/', import.meta.url);
  const failures = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .flatMap((name) =>
      [
        ...readFileSync(new URL(name, root), 'utf8').matchAll(
          /\.nonRetryable\((?:[^'`]|'[^']*'|`[^`]*`)*?'([A-Z]\w+)'/g,
        ),
      ].map(([, type = '']) => type),
    );
  expect(failures.length).toBeGreaterThan(15);
  const known = [...Object.keys(errorCatalogue), 'BackupPartial'];
  expect(failures.filter((type) => !known.includes(type))).toEqual([]);
});
