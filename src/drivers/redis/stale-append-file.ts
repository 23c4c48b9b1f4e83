/** Append-only files of an earlier time, which a server that runs without them does not use. */
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import type { RedisConfig } from '../../domain/appliance.ts';
import type { Finding } from '../driver.ts';
import type { KnownSettings } from './known-settings.ts';

/** For doctor; undefined where there are none, or the server uses them. */
export async function staleAppendFile(
  { dataDirectory }: RedisConfig,
  { appendOnly, appendFolder, appendName }: KnownSettings,
): Promise<Pick<Finding, 'text' | 'hint'> | undefined> {
  if (appendOnly) return undefined;
  // Since 7.0 a manifest in a folder, before that one file.
  for (const name of [join(appendFolder, `${appendName}.manifest`), appendName]) {
    const found = await lstat(join(dataDirectory, name)).catch(() => undefined);
    if (found?.isFile() === true)
      return {
        text: `\`${name}\` lies in the data directory and the server does not use it: the first start with \`appendonly yes\` would read it in the place of all that was written since`,
        hint: 'remove the append-only files, or write them anew with CONFIG SET appendonly yes',
      };
  }
  return undefined;
}
