import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { randomUUID } from 'node:crypto';
import { access, mkdir, readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { appUrl, databaseName, envFile } from '../../src/dev/appliance/description.ts';
import { strike } from '../../src/dev/appliance/disaster.ts';
import { sabotage } from '../../src/dev/appliance/sabotage.ts';
import { makeLogLines } from '../../src/dev/appliance/seed/log-lines.ts';
import { withClient } from '../../src/dev/appliance/seed/with-client.ts';
import { countLosses, startTraffic } from '../../src/dev/appliance/traffic/traffic.ts';
import { poll } from '../../src/dev/poll.ts';
import { canaries } from '../support/canaries.ts';
import { temporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts';
import { startSampleAppliance, type RunningAppliance } from './sample-appliance.ts';

let folder: TemporaryFolder;
let running: RunningAppliance;

beforeAll(async () => {
  folder = await temporaryFolder('sample');
  running = await startSampleAppliance(folder.path);
});

afterAll(async () => {
  await running?.stop();
  await folder?.remove();
});

test('log lines are distinct and the same every time', () => {
  const lines = makeLogLines(5000);
  expect(new Set(lines).size).toBe(5000);
  expect(makeLogLines(5000)).toEqual(lines);
});

describe('the seeded appliance', () => {
  test('holds the documents’ tables with at least 20,000 messages, and 5,000 embedded lines', async () => {
    const counts = await withClient(running.appliance, databaseName, async (client) => {
      const { rows } = await client.query<Record<string, number>>(
        `select (select count(*)::int from users) as users, (select count(*)::int from chat_sessions) as sessions,
                (select count(*)::int from messages) as messages, (select count(*)::int from query_metrics) as metrics,
                (select count(*)::int from audit_logs) as audits`,
      );
      return rows[0];
    });
    expect(counts).toEqual({ users: 50, sessions: 1000, messages: 20_000, metrics: 4000, audits: 4000 });
    const metadata = await readFile(join(running.appliance.folders.vectorstore, 'metadata.json'), 'utf8');
    expect(JSON.parse(metadata)).toMatchObject({ document_count: 5000, embedding_model: 'all-MiniLM-L6-v2' });
  });

  test('holds sessions with a time to live and lasting keys of every type', async () => {
    const redis = connectRedis();
    try {
      const [session] = await redis.keys('session:*');
      expect(await redis.ttl(session ?? '')).toBeGreaterThan(6 * 3600 - 120);
      expect(await redis.ttl('cache:rule:5700')).toBe(-1);
      const keys = ['cache:rule:5700', 'host:1', 'queue:embedding', 'ranking:alerts'];
      expect(await Promise.all(keys.map(async (key) => redis.type(key)))).toEqual(['string', 'hash', 'list', 'zset']);
    } finally {
      redis.disconnect();
    }
  });

  test('keeps its secrets in files that only the owner reads', async () => {
    expect((await stat(envFile(running.appliance))).mode & 0o777).toBe(0o600);
    const secrets = await canaries(running.appliance);
    expect(secrets).toHaveLength(5);
    for (const secret of secrets) expect(secret).toMatch(/^canary-/);
  });
});

describe('the companion', () => {
  test('O1.1: a chat goes through PostgreSQL, Redis and the vector search', async () => {
    const session = randomUUID();
    const { body } = await post('/chat', { session, text: 'failed password' });
    expect(body.neighbours).toHaveLength(5);
    expect(body).toMatchObject({ session, messages: 2 });
    expect(body.sessionSeconds).toBeGreaterThan(3500);
    expect(body.sessionSeconds).toBeLessThanOrEqual(3600);
    expect((await post('/chat', { session, text: 'failed password' })).body).toMatchObject({
      messages: 4,
      neighbours: body.neighbours,
    });
    const stored = await withClient(running.appliance, databaseName, async (client) =>
      client.query('select role, content from messages where session_id = $1 order by timestamp', [session]),
    );
    expect(stored.rows[0]).toEqual({ role: 'user', content: 'failed password' });
  });

  test('requests of another shape are refused', async () => {
    expect((await post('/chat', { session: 'no uuid', text: 'x' })).status).toBe(422);
    expect((await post('/vectors', { lines: [] })).status).toBe(422);
    expect((await post('/absent', {})).status).toBe(404);
  });

  test('D3.4: unhealthy is told by the body, with HTTP 200, while /health stays constant', async () => {
    await running.platform.stop('redis', AbortSignal.timeout(180_000));
    try {
      const response = await fetch(`${appUrl(running.appliance)}/health/detailed`);
      expect(response.status).toBe(200);
      expect(await response.json()).toMatchObject({
        summary: { overall_status: 'unhealthy', total_checks: 3, healthy_checks: 2, unhealthy_services: ['redis'] },
      });
      const constant = await fetch(`${appUrl(running.appliance)}/health`);
      expect(await constant.json()).toEqual({ status: 'healthy' });
      expect((await running.platform.state('app')).ready).toBe(false);
    } finally {
      await running.platform.start('redis', AbortSignal.timeout(180_000));
    }
    await poll(async () => ((await running.platform.state('app')).ready ? true : undefined), {
      timeoutMs: 120_000,
      describe: () => new Error('the companion did not find Redis again'),
    });
  });
});

describe('sabotage and disaster', () => {
  test('each sabotage spoils exactly one thing and says which', async () => {
    const { appliance } = running;
    const before = await fingerprint();
    expect(await sabotage('row', appliance)).toMatch(/message [0-9a-f-]{36}/);
    expect(await sabotage('key', appliance)).toContain('cache:rule:5700');
    expect(await sabotage('index', appliance)).toContain('faiss_index.faiss');
    expect(await sabotage('config', appliance)).toContain('companion-alerts.yml');
    const after = await fingerprint();
    expect(Object.keys(after).filter((name) => after[name] !== before[name])).toEqual([
      'messages',
      'cache:rule:5700',
      'faiss_index.faiss',
      'companion-alerts.yml',
    ]);
    const packs = join(appliance.folders.repository, 'packs', 'aa');
    await mkdir(packs, { recursive: true });
    await writeFile(join(packs, 'aa00'), 'sealed bytes', { mode: 0o400 });
    expect(await sabotage('object', appliance)).toContain('aa00');
    expect(await readFile(join(packs, 'aa00'), 'latin1')).not.toBe('sealed bytes');
    expect((await stat(join(packs, 'aa00'))).mode & 0o777).toBe(0o400);
  });

  test('acknowledged writes that are gone are counted, those that stand are not', async () => {
    const { appliance } = running;
    const traffic = await startTraffic(appliance, { recordEveryMs: 10, vectorEveryMs: 100 });
    await poll(
      async () => {
        const { record, vector } = await traffic.acknowledged();
        return record >= 20 && vector >= 2 ? true : undefined;
      },
      { timeoutMs: 120_000, describe: () => new Error('no traffic') },
    );
    await traffic.stop();
    const whole = await countLosses(appliance);
    expect(whole).toMatchObject({ lost: { rows: 0, keys: 0, vectors: 0 }, firstLostAt: undefined });
    expect(whole.acknowledged.rows).toBeGreaterThanOrEqual(20);

    await withClient(appliance, databaseName, async (client) =>
      client.query(`delete from audit_logs where event_type = 'traffic' and resource_id::int > 5`),
    );
    const redis = connectRedis();
    await redis.del('traffic:3');
    redis.disconnect();
    const losses = await countLosses(appliance);
    expect(losses.lost).toEqual({ rows: whole.acknowledged.rows - 5, keys: 1, vectors: 0 });
    expect(losses.firstLostAt?.getTime()).toBeLessThan(Date.now());
  });

  test('the disaster kills every process and deletes data and configuration', async () => {
    const { appliance, platform } = running;
    const { killed, deleted } = await strike(appliance);
    expect(killed.length).toBeGreaterThanOrEqual(3);
    for (const service of ['app', 'postgres', 'redis']) expect((await platform.state(service)).running).toBe(false);
    for (const path of deleted) await expect(access(path)).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await readdir(join(appliance.stateFolder, 'appliance'))).toEqual(['postgres', 'redis']);
    // Twice does no harm.
    expect((await strike(appliance)).killed).toEqual([]);
  });
});

async function post(path: string, body: object): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(appUrl(running.appliance) + path, { method: 'POST', body: JSON.stringify(body) });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

function connectRedis(): Redis {
  const { ports, passwords } = running.appliance;
  return new Redis({ host: '127.0.0.1', port: ports.redis, password: passwords.redis });
}

/** Of what a sabotage may touch, and of its neighbours. */
async function fingerprint(): Promise<Record<string, string>> {
  const { folders } = running.appliance;
  const tables = await withClient(running.appliance, databaseName, async (client) => {
    const { rows } = await client.query<Record<string, string>>(
      `select (select md5(string_agg(u::text, '' order by id)) from users u) as users,
              (select md5(string_agg(m::text, '' order by id)) from messages m) as messages`,
    );
    return rows[0] ?? {};
  });
  const redis = connectRedis();
  const keys = ['cache:rule:5700', 'cache:rule:5701'];
  const values = await redis.mget(keys);
  redis.disconnect();
  const files: [string, string][] = [
    [folders.vectorstore, 'faiss_index.faiss'],
    [folders.vectorstore, 'faiss_index.pkl'],
    [join(folders.configuration, 'monitoring', 'rules'), 'companion-alerts.yml'],
    [folders.configuration, '.env'],
  ];
  const contents = await Promise.all(
    files.map(async ([parent, name]) => [name, await readFile(join(parent, name), 'hex')] as const),
  );
  return {
    ...tables,
    ...Object.fromEntries(keys.map((key, at) => [key, values[at] ?? ''])),
    ...Object.fromEntries(contents),
  };
}
