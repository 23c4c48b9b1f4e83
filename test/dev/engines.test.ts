import { Redis } from 'ioredis';
import { expect, onTestFinished, vi } from 'vitest';
import { Connection } from '@temporalio/client';
import { stat } from 'node:fs/promises';
import { findEmbeddingModel, findPostgresBin, findRedisServer, findTemporal } from '../../src/dev/engines.ts';
import { engineTest, startPostgres, startRedis, startTemporal } from '../support/engines.ts';

engineTest('postgres accepts a replication session and has checksums', async ({ postgres }) => {
  const client = await postgres.connect();
  try {
    const { rows } = await client.query(
      `select current_setting('wal_level') as wal, current_setting('data_checksums') as checksums`,
    );
    expect(rows).toEqual([{ wal: 'replica', checksums: 'on' }]);
  } finally {
    await client.end();
  }
});

engineTest('redis asks for the password and appends every write to a file', async ({ folder }) => {
  const redis = await startRedis({ directory: folder, password: 'a-canary' });
  try {
    const stranger = new Redis({ port: redis.port, host: redis.hostname, lazyConnect: true });
    stranger.on('error', () => {});
    await expect(stranger.set('a', '1')).rejects.toThrow(/NOAUTH/);
    stranger.disconnect();
    expect((await stat(`${redis.dataDirectory}/appendonlydir`)).isDirectory()).toBe(true);
  } finally {
    await redis.stop();
  }
});

engineTest('temporal answers on a free port, with the search attributes that were asked for', async () => {
  const temporal = await startTemporal({
    headless: true,
    searchAttributes: { LifeboatKind: 'Keyword', LifeboatBreached: 'Bool' },
  });
  const connection = await Connection.connect({ address: temporal.address });
  try {
    const { customAttributes } = await connection.operatorService.listSearchAttributes({
      namespace: temporal.namespace,
    });
    expect(Object.keys(customAttributes ?? {})).toEqual(expect.arrayContaining(['LifeboatKind', 'LifeboatBreached']));
  } finally {
    await connection.close();
    await temporal.stop();
  }
});

engineTest('an engine that was killed starts again on the same folder with its data', async ({ folder }) => {
  const first = await startPostgres({ directory: folder, settings: { fsync: 'on' } });
  const client = await first.connect();
  await client.query('create table kept as select 7 as n');
  await client.end();
  await first.kill();
  const second = await startPostgres({ directory: folder, port: first.port });
  try {
    const again = await second.connect();
    expect((await again.query('select n from kept')).rows).toEqual([{ n: 7 }]);
    await again.end();
  } finally {
    await second.stop();
  }
});

engineTest(
  'an engine that cannot start says why with the end of its log, and leaves nothing running',
  async ({ folder }) => {
    await expect(startPostgres({ directory: folder, settings: { port: '70000' } })).rejects.toMatchObject({
      code: 'EngineUnavailable',
      message: expect.stringContaining('outside the valid range'),
    });
  },
);

engineTest(
  'a path that set-up handed on and that is not usable is named, and never replaced in silence',
  ({ folder }) => {
    for (const [variable, find] of [
      ['LIFEBOAT_TEMPORAL', findTemporal],
      ['LIFEBOAT_PG_BIN', findPostgresBin],
      ['LIFEBOAT_REDIS_SERVER', findRedisServer],
      ['LIFEBOAT_EMBEDDING_MODEL', findEmbeddingModel],
    ] as const) {
      vi.stubEnv(variable, folder);
      onTestFinished(() => void vi.unstubAllEnvs());
      expect(find).toThrow(`${variable} names \`${folder}\``);
    }
  },
);
