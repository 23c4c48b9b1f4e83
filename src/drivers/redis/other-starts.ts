/** Files of another start in the data directory: one that the server does not use, or that a restore closed. */
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import type { RedisConfig } from '../../domain/appliance.ts';
import { closedIn } from './closed-start.ts';
import type { KnownSettings } from './known-settings.ts';
import type { Finding } from '../../domain/finding.ts';

type Told = Pick<Finding, 'text' | 'hint'>;

/** For doctor; undefined where there are none, or the server uses them. */
export async function staleAppendFile(
  { dataDirectory }: RedisConfig,
  { appendOnly, appendFolder, appendName }: KnownSettings,
): Promise<Told | undefined> {
  if (appendOnly) return undefined;
  // Since 7.0 a manifest in a folder, before that one file.
  for (const [folder, name] of [
    [appendFolder, `${appendName}.manifest`],
    ['', appendName],
  ] as const) {
    const found = await lstat(join(dataDirectory, folder, name)).catch(() => undefined);
    if (found?.isFile() !== true || (await closedIn(join(dataDirectory, folder))).includes(name)) continue;
    return {
      text: `\`${join(folder, name)}\` lies in the data directory and the server does not use it: the first start with \`appendonly yes\` would read it in the place of all that was written since`,
      hint: 'remove the append-only files, or write them anew with CONFIG SET appendonly yes',
    };
  }
  return undefined;
}

/** For doctor: starts that a restore closed, because the server was started otherwise. */
export async function closedStarts(
  { dataDirectory }: RedisConfig,
  { appendOnly, appendFolder, appendName, dumpName }: KnownSettings,
): Promise<Told[]> {
  const dumps = (await closedIn(dataDirectory)).filter((name) => name !== appendName && name !== dumpName);
  const appends = [
    ...(await closedIn(join(dataDirectory, appendFolder))),
    ...(await closedIn(dataDirectory)).filter((name) => name === appendName),
  ];
  return [
    ...(appendOnly || appends.length === 0
      ? []
      : [
          {
            text: 'the server runs with `appendonly no`; the captured one ran, or its file says, `appendonly yes`: since the restore a start with `appendonly yes` is refused, for it would come up empty',
            hint: 'send CONFIG SET appendonly yes and write `appendonly yes` into redis.conf; or, where no start is to have it, remove the append-only files',
          },
        ]),
    ...dumps.map((name) => ({
      text: `the server writes \`${dumpName}\`; the captured one ran, or its file says, \`dbfilename ${name}\`: since the restore a start with that name is refused, for it would come up empty`,
      hint: `write \`dbfilename ${dumpName}\` into redis.conf, then remove \`${name}\``,
    })),
  ];
}
