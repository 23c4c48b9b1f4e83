/** The live paths of a recovery point on this host, in the order that swap, undo and commit share. */
import { resolve } from 'node:path';
import type { PostgresConfig } from '../../../domain/appliance.ts';
import { LifeboatError } from '../../../domain/errors.ts';
import type { DriverEnvironment, RestoreContext } from '../../driver.ts';
import type { DataLink } from '../links/data-links.ts';
import type { ConfigFile, SealedFacts } from '../facts.ts';
import type { Link } from '../links/link-chain.ts';
import type { SwapTarget } from '../../swap/target-types.ts';

export interface RestorePaths {
  readonly data: string;
  /** Folders of the data directory that lie elsewhere: tablespaces, and the WAL where a link led to it. */
  readonly elsewhere: readonly {
    /** Below the data directory, where a link leads there: `pg_tblspc/16385`, `pg_wal`. */
    readonly at: string;
    readonly live: string;
  }[];
  /** Links in the data directory that are made again in it. */
  readonly links: readonly DataLink[];
  /** Links outside it that lead to configuration; made where nothing stands. */
  readonly configLinks: readonly Link[];
  /** Configuration outside the data directory. */
  readonly config: readonly ConfigFile[];
  readonly lives: readonly string[];
}

/**
 * Where the captured server saw another path for its data directory (a container, or the configuration changed since)
 * its other paths mean nothing here: configuration files stay as they are, WAL stays in the data directory, and
 * tablespaces are refused with Precondition.
 */
export function restorePaths(config: PostgresConfig, facts: SealedFacts): RestorePaths {
  const data = config.dataDirectory;
  const isSame = resolve(facts.dataDirectory) === resolve(data);
  if (!isSame && facts.tablespaces.length > 0) {
    throw new LifeboatError(
      'Precondition',
      `the captured server had its data directory at \`${facts.dataDirectory}\`, not at \`${data}\`: where its ` +
        `${facts.tablespaces.length} tablespaces lie on this host is not known`,
      { component: config.id, hint: 'set `dataDirectory` to the path that the server itself sees' },
    );
  }
  const links = facts.links ?? [];
  const wal = isSame ? links.filter(({ purpose }) => purpose === 'wal') : [];
  const elsewhere = [
    ...facts.tablespaces.map(({ oid, location }) => ({ at: `pg_tblspc/${oid}`, live: location })),
    ...wal.map(({ path, target }) => ({ at: path, live: resolve(data, target) })),
  ];
  const files = isSame ? facts.configFiles : [];
  return {
    data,
    elsewhere,
    links: links.filter(({ purpose }) => purpose !== 'wal'),
    configLinks: isSame ? (facts.configLinks ?? []) : [],
    config: files,
    lives: [
      data,
      ...elsewhere.map(({ live }) => live),
      ...files.flatMap(({ path, named }) => (named === undefined ? [path] : [path, named])),
    ],
  };
}

export function swapTargetOf(
  config: PostgresConfig,
  context: Pick<RestoreContext, 'token' | 'signal'>,
  lives: readonly string[],
  tuning: DriverEnvironment['swap'] = {},
): SwapTarget {
  return { component: config.id, lives, token: context.token, tuning: { ...tuning, signal: context.signal } };
}
