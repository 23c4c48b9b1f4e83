/** The live paths of a recovery point on this host, in the order that swap, undo and commit share. */
import { resolve } from 'node:path';
import type { PostgresConfig } from '../../domain/appliance.ts';
import { LifeboatError } from '../../domain/errors.ts';
import type { DriverEnvironment, RestoreContext } from '../driver.ts';
import type { SwapTarget } from '../swap/swap.ts';
import type { ConfigFile, SealedFacts } from './facts.ts';

export interface RestorePaths {
  readonly data: string;
  readonly tablespaces: readonly { readonly oid: string; readonly live: string }[];
  /** Configuration outside the data directory. */
  readonly config: readonly ConfigFile[];
  readonly lives: readonly string[];
}

/**
 * Where the captured server saw another path for its data directory (a container, or the configuration changed since)
 * its other paths mean nothing here: configuration files stay as they are, tablespaces are refused with Precondition.
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
  const tablespaces = facts.tablespaces.map(({ oid, location }) => ({ oid, live: location }));
  const files = isSame ? facts.configFiles : [];
  return {
    data,
    tablespaces,
    config: files,
    lives: [data, ...tablespaces.map(({ live }) => live), ...files.map(({ path }) => path)],
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
