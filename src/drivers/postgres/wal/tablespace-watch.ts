/**
 * Notices while WAL is archived that a tablespace was made or dropped: no replay gets past that beside a live server, so
 * a new base is needed. The session ends then, and what is covered says which tablespaces there are.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { PostgresConfig } from '../../../domain/appliance.ts';
import { tablespacesText } from '../../../domain/wal.ts';
import { openSession, type Address } from '../server/connection.ts';
import { readTablespaces } from '../server/server-facts.ts';

const defaultLookMs = 30_000;

export interface TablespaceWatch {
  /** As `tablespacesText`; undefined before the server was asked. */
  current(): string | undefined;
  end(): Promise<void>;
}

/** Looks once before it returns. A server that does not answer later is the stream's to tell. */
export async function watchTablespaces(
  config: PostgresConfig,
  address: Address,
  onChange: () => void,
  lookMs = defaultLookMs,
): Promise<TablespaceWatch> {
  const over = new AbortController();
  const look = async (): Promise<string> => {
    const session = await openSession(address, config.id, { database: config.database, signal: over.signal });
    try {
      return tablespacesText((await readTablespaces(session)).map(({ oid }) => oid));
    } finally {
      await session.end();
    }
  };
  let known = await look();
  const looking = (async () => {
    for (;;) {
      await delay(lookMs, undefined, { signal: over.signal });
      const found = await look().catch(() => known);
      if (found !== known) onChange();
      known = found;
    }
  })().catch(() => undefined);
  return {
    current: () => known,
    end: async () => {
      over.abort();
      await looking;
    },
  };
}
