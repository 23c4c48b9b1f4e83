/**
 * Another version of the library that sorts texts may sort them differently: then indexes over texts are wrong, and
 * queries miss rows without an error. The private server builds them anew before anything goes live.
 */
import pg from 'pg';
import type { ProbeResult } from '../../../domain/recovery-point.ts';
import type { SealedFacts } from '../facts.ts';
import type { PrivateServer } from '../server/private-server.ts';
import { readCollations } from '../server/server-facts.ts';

/** Nothing where the versions agree, or the captured ones are not known. */
export async function sortingProbes(
  server: PrivateServer,
  facts: SealedFacts,
  component: string,
): Promise<ProbeResult[]> {
  const session = await server.connectAnywhere();
  try {
    const here = await readCollations(session);
    const changed = Object.entries(facts.collations).filter(([provider, version]) => {
      const now = here[provider];
      return now !== undefined && now !== version;
    });
    if (changed.length === 0) return [];
    const databases = await session.rows('SELECT datname AS name FROM pg_database WHERE datallowconn');
    for (const { name } of databases) await reindex(server, name ?? '');
    return changed.map(([provider, version]) => ({
      component,
      name: `sorting library ${provider === 'i' ? 'ICU' : 'libc'}`,
      expected: version,
      actual: `${here[provider]}: all indexes were built anew`,
      ok: true,
    }));
  } finally {
    await session.end();
  }
}

async function reindex(server: PrivateServer, database: string): Promise<void> {
  const session = await server.connect(database, 'superuser');
  try {
    const name = pg.escapeIdentifier(database);
    // Functions of indexes run as the owners of their tables, and find what they call as they did in the application.
    await session.rows('RESET search_path');
    await session.rows(`REINDEX DATABASE ${name}`);
    await session.rows(`ALTER DATABASE ${name} REFRESH COLLATION VERSION`);
  } finally {
    await session.end();
  }
}
