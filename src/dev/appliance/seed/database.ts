/** Fills the documents' tables. Deterministic: the same size gives the same rows. */
import { createHash } from 'node:crypto';
import type pg from 'pg';
import { schemaSql } from '../app/schema.ts';
import { seededRandom } from '../random.ts';
import type { SizeFacts } from './sizes.ts';

const questions = [
  'Which hosts saw failed logins?',
  'Show me malware findings of today',
  'Why was the account locked?',
  'Is the disk of the web server full?',
  'Who used sudo last night?',
];
const roles = ['admin', 'analyst', 'viewer'];
const auditEvents = ['login', 'logout', 'query', 'export', 'settings_change'];
/** All rows are dated back from here: a clock would make them differ. */
const epoch = Date.UTC(2026, 10, 1);
const rowsPerInsert = 2000;

/** Into an empty database `wazuh_chat`. `lines` are what answers quote. */
export async function seedDatabase(
  client: pg.Client,
  size: SizeFacts,
  lines: readonly string[],
  onProgress: (note: string) => void,
): Promise<void> {
  await client.query(schemaSql);
  await insert(
    client,
    'users',
    ['uuid', 'text', 'text', 'text', 'text', 'timestamptz'],
    'id, username, email, password_hash, role, created_at',
    makeUsers(size.users),
  );
  await insert(
    client,
    'chat_sessions',
    ['uuid', 'uuid', 'text', 'timestamptz'],
    'id, user_id, title, created_at',
    makeSessions(size),
  );
  onProgress(`${size.messages} messages`);
  await insert(
    client,
    'messages',
    ['uuid', 'uuid', 'text', 'text', 'timestamptz'],
    'id, session_id, role, content, timestamp',
    makeMessages(size, lines),
  );
  await insert(
    client,
    'query_metrics',
    ['uuid', 'uuid', 'text', 'float8', 'timestamptz', 'int'],
    'id, user_id, query, response_time, timestamp, logs_searched',
    makeMetrics(size),
  );
  await insert(
    client,
    'audit_logs',
    ['uuid', 'text', 'uuid', 'text', 'text', 'timestamptz'],
    'id, event_type, user_id, resource_type, ip_address, timestamp',
    makeAudit(size),
  );
  if (size.fillerRows > 0) await seedFiller(client, size.fillerRows, onProgress);
  await client.query('analyze');
}

/** A UUID that only the name decides. */
export function uuidOf(name: string): string {
  const hex = createHash('sha256').update(name).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

type Row = readonly (string | number)[];

function* makeUsers(count: number): Generator<Row> {
  for (let user = 0; user < count; user += 1) {
    const name = `analyst${String(user).padStart(3, '0')}`;
    yield [
      userId(user),
      name,
      `${name}@soc.example`,
      createHash('sha256').update(name).digest('hex'),
      roles[user % roles.length] ?? 'viewer',
      at(user),
    ];
  }
}

function* makeSessions({ users, sessions }: SizeFacts): Generator<Row> {
  for (let session = 0; session < sessions; session += 1)
    yield [sessionId(session), userId(session % users), `Investigation ${session}`, at(session * 60)];
}

function* makeMessages({ sessions, messages }: SizeFacts, lines: readonly string[]): Generator<Row> {
  const random = seededRandom(2);
  for (let message = 0; message < messages; message += 1) {
    const isQuestion = message % 2 === 0;
    const content = isQuestion
      ? `${random.pick(questions)} (case ${message})`
      : `Found: ${random.pick(lines)}; see also: ${random.pick(lines)}`;
    // Question and answer stand in one session.
    yield [
      uuidOf(`message ${message}`),
      sessionId((message >> 1) % sessions),
      isQuestion ? 'user' : 'assistant',
      content,
      at(message * 7),
    ];
  }
}

function* makeMetrics({ users, metrics }: SizeFacts): Generator<Row> {
  const random = seededRandom(3);
  for (let metric = 0; metric < metrics; metric += 1) {
    yield [
      uuidOf(`metric ${metric}`),
      userId(metric % users),
      random.pick(questions),
      Math.round(random.next() * 2000) / 1000,
      at(metric * 30),
      random.below(5000),
    ];
  }
}

function* makeAudit({ users, audits }: SizeFacts): Generator<Row> {
  const random = seededRandom(4);
  for (let audit = 0; audit < audits; audit += 1) {
    yield [
      uuidOf(`audit ${audit}`),
      random.pick(auditEvents),
      userId(audit % users),
      'session',
      `198.51.100.${1 + random.below(254)}`,
      at(audit * 11),
    ];
  }
}

/** Made by the server itself, labelled by its name: bulk for measuring, content for nobody. */
async function seedFiller(client: pg.Client, rows: number, onProgress: (note: string) => void): Promise<void> {
  await client.query('create table load_filler (id bigint primary key, label text not null, payload text not null)');
  const step = 100_000;
  for (let from = 1; from <= rows; from += step) {
    await client.query(
      `insert into load_filler select i, 'filler for load, no content', md5(i::text) || md5((i + 1)::text) || repeat(md5((i / 4)::text), 4) || md5((i * 7)::text)
         from generate_series($1::bigint, $2::bigint) i`,
      [from, Math.min(from + step - 1, rows)],
    );
    onProgress(`load_filler ${Math.min(from + step - 1, rows)} of ${rows} rows`);
  }
  await client.query('checkpoint');
}

async function insert(
  client: pg.Client,
  table: string,
  types: readonly string[],
  columns: string,
  rows: Generator<Row>,
): Promise<void> {
  const casts = types.map((type, index) => `$${index + 1}::${type}[]`).join(', ');
  const flush = async (batch: readonly Row[]): Promise<unknown> =>
    client.query(
      `insert into ${table} (${columns}) select * from unnest(${casts})`,
      types.map((_type, column) => batch.map((row) => row[column])),
    );
  let batch: Row[] = [];
  for (const row of rows) {
    batch.push(row);
    if (batch.length === rowsPerInsert) {
      await flush(batch);
      batch = [];
    }
  }
  if (batch.length > 0) await flush(batch);
}

const userId = (user: number): string => uuidOf(`user ${user}`);
const sessionId = (session: number): string => uuidOf(`session ${session}`);
const at = (seconds: number): string => new Date(epoch + seconds * 1000).toISOString();
