/** The WAL of the measured server, archived while other things are measured. */
import { setTimeout as delay } from 'node:timers/promises';
import type { PostgresConfig } from '../../src/domain/appliance.ts';
import { parseLsn } from '../../src/domain/lsn.ts';
import type { Driver } from '../../src/drivers/driver.ts';
import { createPostgresDriver } from '../../src/drivers/postgres/driver.ts';
import { readSecret } from '../../src/config/secrets.ts';
import { createProcessTarget } from '../../src/platform/process/process-target.ts';
import type { Repository } from '../../src/repository/repository.ts';
import type { DataSet } from '../data/data-set.ts';

export interface Archiving {
  /** How far the stream has come, and how far what is durable in the repository. */
  position(): { readonly received: bigint; readonly sealed: bigint };
  /** Until everything before the position is durable. */
  reaches(lsn: bigint): Promise<void>;
  stop(): Promise<void>;
}

export interface ArchivingOptions {
  readonly repository: Repository;
  readonly sealEverySeconds: number;
}

const shiftMs = 3_600_000;
const readyMs = 30_000;

export function databaseOf({ appliance }: DataSet): PostgresConfig {
  const config = appliance.components.find((component) => component.kind === 'postgres');
  if (config === undefined) throw new Error('the measured appliance has no database');
  return config;
}

export async function startArchiving(data: DataSet, options: ArchivingOptions): Promise<Archiving> {
  const { repository, sealEverySeconds } = options;
  const config = databaseOf(data);
  const driver: Driver = createPostgresDriver(
    { ...config, wal: { ...config.wal, sealEverySeconds } },
    { target: createProcessTarget(), stateDir: data.appliance.stateDir, secret: readSecret },
  );
  const control = new AbortController();
  let received = 0n;
  let sealed = 0n;
  let failure: unknown;
  const shift = async (durationMs: number): Promise<unknown> =>
    driver.archiveWal?.({
      repository,
      durationMs,
      signal: control.signal,
      onProgress: ({ note = '' }) => {
        const [, to, waits] = /^archived to (\S+), (\d+) bytes wait$/.exec(note) ?? [];
        if (to === undefined) return;
        sealed = parseLsn(to);
        received = sealed + BigInt(waits ?? 0);
      },
    });
  // The first shift on a new slot is short.
  const running = (async () => {
    await shift(1000);
    await shift(shiftMs);
  })().catch((error: unknown) => void (failure = error));
  const waitFor = async (condition: () => boolean): Promise<void> => {
    for (const last = Date.now() + readyMs; !condition(); await delay(20)) {
      if (failure !== undefined) throw failure;
      if (Date.now() > last) throw new Error(`the archive did not come on within ${readyMs / 1000} s`);
    }
  };
  await waitFor(() => sealed > 0n);
  return {
    position: () => ({ received, sealed }),
    reaches: async (lsn) => waitFor(() => sealed >= lsn),
    stop: async () => {
      control.abort();
      await running;
    },
  };
}
