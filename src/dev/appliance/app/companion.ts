/** What the companion does with a request: the chat goes through PostgreSQL, Redis, the embedding model and the index. */
import { randomUUID } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { Redis } from 'ioredis';
import pg from 'pg';
import { openEmbedder, type Embedder } from '../../model/embed.ts';
import { parseJson } from '../../../json/parse-json.ts';
import { runChecks, type DetailedHealth } from './health.ts';
import type { Settings } from './settings.ts';
import { VectorStore, type Hit } from './vector-store.ts';

export interface ChatAnswer {
  readonly session: string;
  readonly answer: string;
  readonly neighbours: readonly Hit[];
  /** Messages of this session in PostgreSQL, this exchange included. */
  readonly messages: number;
  /** Seconds that the session still lives in Redis. */
  readonly sessionSeconds: number;
  readonly responseSeconds: number;
}

const neighboursPerAnswer = 5;

export class Companion {
  readonly #settings: Settings;
  readonly #database: pg.Pool;
  readonly #redis: Redis;
  #store: VectorStore | Error;
  #embedder: Promise<Embedder> | undefined;
  #saving: Promise<unknown> = Promise.resolve();

  private constructor(settings: Settings, store: VectorStore | Error) {
    this.#settings = settings;
    this.#store = store;
    this.#database = new pg.Pool({ connectionString: settings.databaseUrl, max: 5, connectionTimeoutMillis: 3000 });
    this.#database.on('error', () => undefined); // The next query of the pool tells.
    this.#redis = new Redis(settings.redisUrl, { maxRetriesPerRequest: 1, enableOfflineQueue: true });
    this.#redis.on('error', () => undefined); // The next command tells.
  }

  /** A companion whose vector store cannot be loaded runs, and says so in its health. */
  static async open(settings: Settings): Promise<Companion> {
    const store = await VectorStore.load(settings.vectorstorePath).catch((error: unknown) =>
      error instanceof Error ? error : new Error(String(error)),
    );
    return new Companion(settings, store);
  }

  async health(): Promise<DetailedHealth> {
    return runChecks({
      database: async () => {
        const { rows } = await this.#database.query<{ users: string }>('select count(*)::text as users from users');
        return `${rows[0]?.users} users`;
      },
      redis: async () => `${await this.#redis.dbsize()} keys`,
      embedded_ai_service: async () => {
        const { size } = await stat(this.#settings.modelPath);
        return `${this.#loadedStore().size} vectors, model of ${size} bytes`;
      },
    });
  }

  async chat(session: string, text: string): Promise<ChatAnswer> {
    const begin = performance.now();
    const userId = await this.#userOf(session);
    const neighbours = this.#loadedStore().search(await this.#embedOne(text), neighboursPerAnswer);
    const answer = `These events fit best:\n${neighbours.map(({ line }) => `- ${line}`).join('\n')}`;
    const messages = await this.#remember(session, userId, text, answer, begin);
    return {
      session,
      answer,
      neighbours,
      messages,
      sessionSeconds: await this.#redis.ttl(sessionKey(session)),
      responseSeconds: (performance.now() - begin) / 1000,
    };
  }

  /** Numbered row and key of the traffic; both are acknowledged by their engines when it returns. */
  async record(number: number): Promise<void> {
    await this.#database.query(
      `insert into audit_logs (id, event_type, resource_type, resource_id, details) values ($1, 'traffic', 'row', $2, $3)`,
      [randomUUID(), String(number), JSON.stringify({ number })],
    );
    await this.#redis.set(`traffic:${number}`, String(number));
  }

  /** Embeds and adds lines and saves the index; they are durable when it returns. */
  async addLines(lines: readonly string[]): Promise<number> {
    const store = this.#loadedStore();
    const vectors = await (await this.#openEmbedder()).embed(lines);
    store.add(lines, vectors);
    const saved = this.#saving.then(async () => store.save());
    this.#saving = saved.catch(() => undefined);
    await saved;
    return store.size;
  }

  /** Builds the index anew from the messages of the last days and saves it; gives how many it holds. */
  async rebuild(days: number): Promise<number> {
    const { rows } = await this.#database.query<{ content: string }>(
      'select content from messages where timestamp > now() - make_interval(days => $1) order by timestamp, id',
      [days],
    );
    const lines = rows.map(({ content }) => content);
    const embedder = await this.#openEmbedder();
    const { vectorstorePath, embeddingModelName } = this.#settings;
    const store = VectorStore.empty(vectorstorePath, embeddingModelName, embedder.dimension);
    store.add(lines, await embedder.embed(lines));
    const saved = this.#saving.then(async () => store.save());
    this.#saving = saved.catch(() => undefined);
    await saved;
    this.#store = store;
    return store.size;
  }

  async close(): Promise<void> {
    await this.#saving;
    await (await this.#embedder?.catch(() => undefined))?.close();
    this.#redis.disconnect();
    await this.#database.end();
  }

  #loadedStore(): VectorStore {
    if (this.#store instanceof Error) throw new Error(`the vector store is not loaded: ${this.#store.message}`);
    return this.#store;
  }

  async #embedOne(text: string): Promise<Float32Array> {
    const [vector] = await (await this.#openEmbedder()).embed([text]);
    if (vector === undefined) throw new Error('the model gave no embedding');
    return vector;
  }

  async #openEmbedder(): Promise<Embedder> {
    this.#embedder ??= openEmbedder({ modelPath: this.#settings.modelPath });
    return this.#embedder;
  }

  /** The session's user, from Redis or else from PostgreSQL; a new session belongs to the first user. */
  async #userOf(session: string): Promise<string> {
    const cached = await this.#redis.get(sessionKey(session));
    if (cached !== null) return (parseJson(cached) as { user_id: string }).user_id;
    const known = await this.#database.query<{ user_id: string }>('select user_id from chat_sessions where id = $1', [
      session,
    ]);
    const userId = known.rows[0]?.user_id ?? (await this.#beginSession(session));
    await this.#redis.setex(sessionKey(session), this.#settings.sessionSeconds, JSON.stringify({ user_id: userId }));
    return userId;
  }

  async #beginSession(session: string): Promise<string> {
    const { rows } = await this.#database.query<{ id: string }>('select id from users order by username limit 1');
    const userId = rows[0]?.id;
    if (userId === undefined) throw new Error('there is no user');
    await this.#database.query(`insert into chat_sessions (id, user_id, title) values ($1, $2, 'chat')`, [
      session,
      userId,
    ]);
    return userId;
  }

  async #remember(session: string, userId: string, text: string, answer: string, begin: number): Promise<number> {
    const insert = 'insert into messages (id, session_id, role, content) values ($1, $2, $3, $4)';
    await this.#database.query(insert, [randomUUID(), session, 'user', text]);
    await this.#database.query(insert, [randomUUID(), session, 'assistant', answer]);
    const seconds = (performance.now() - begin) / 1000;
    await this.#database.query(
      'insert into query_metrics (id, user_id, query, response_time, logs_searched) values ($1, $2, $3, $4, $5)',
      [randomUUID(), userId, text, seconds, this.#loadedStore().size],
    );
    const { rows } = await this.#database.query<{ count: string }>(
      'select count(*) from messages where session_id = $1',
      [session],
    );
    return Number(rows[0]?.count ?? 0);
  }
}

function sessionKey(session: string): string {
  return `session:${session}`;
}
