/** What the server did not send, against what is known to be there: nothing may be missing that a restore needs. */
import { lstat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import type { PostgresConfig } from '../../../domain/appliance.ts';
import { LifeboatError } from '../../../domain/errors.ts';
import type { LeftOut } from '../../../domain/left-out.ts';
import { specialKind } from '../../files/special-kind.ts';
import type { DataLink } from '../links/data-links.ts';

/** The server's own sockets, made at each start. */
const ownSocket = /^\.s\.PGSQL\./;

/**
 * Sockets, pipes and devices are left out and told. Precondition for a link that is not among the captured ones, and for
 * anything that this host does not see: it may be a database that lies elsewhere.
 */
export async function judgeSkipped(
  paths: readonly string[],
  links: readonly DataLink[],
  { id, dataDirectory }: PostgresConfig,
): Promise<LeftOut[]> {
  const leftOut: LeftOut[] = [];
  for (const path of paths) {
    if (ownSocket.test(basename(path)) || links.some((link) => link.path === path)) continue;
    const absolute = resolve(dataDirectory, path);
    const stats = await lstat(absolute).catch(() => undefined);
    if (stats === undefined || stats.isSymbolicLink()) {
      throw new LifeboatError(
        'Precondition',
        `the server did not send \`${path}\`: it is neither a file nor a folder${stats === undefined ? '' : ', but a link'}, and what it leads to would be missing`,
        {
          component: id,
          hint: 'put the file or folder itself in its place; if it is a link to configuration, let the worker see the data directory',
        },
      );
    }
    leftOut.push({ path: absolute, what: specialKind(stats) });
  }
  return leftOut;
}
