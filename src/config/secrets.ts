/** Reads a secret at the moment of use. The value is returned, never kept, logged or put into an error. */
import { readFile } from 'node:fs/promises';
import type { SecretRef } from '../domain/secret-ref.ts';
import { LifeboatError } from '../domain/errors.ts';

export async function readSecret(ref: SecretRef | undefined): Promise<string | undefined> {
  if (ref === undefined) return undefined;
  switch (ref.from) {
    case 'literal':
      return ref.value;
    case 'env': {
      const value = process.env[ref.name];
      if (value === undefined || value === '') {
        throw new LifeboatError(
          'ConfigInvalid',
          `the environment variable \`${ref.name}\` that lifeboat.yaml names is not set`,
          {
            hint: `export ${ref.name}=… for the worker and the command line`,
          },
        );
      }
      return value;
    }
    case 'file':
      try {
        return (await readFile(ref.path, 'utf8')).trimEnd();
      } catch (error) {
        throw new LifeboatError(
          'ConfigInvalid',
          `cannot read the secret file \`${ref.path}\`: ${(error as NodeJS.ErrnoException).code}`,
          {
            hint: 'check that it exists and that the worker may read it',
            cause: error,
          },
        );
      }
  }
}
