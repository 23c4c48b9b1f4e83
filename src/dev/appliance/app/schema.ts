/** The documents' tables in `wazuh_chat`, with the columns and indexes that the appliance itself has. */

export const schemaSql = `
create table if not exists users (
  id uuid primary key, username varchar(50) not null unique, email varchar(255) not null unique,
  password_hash varchar(255) not null, role varchar(20) not null default 'viewer', is_active boolean not null default true,
  created_at timestamptz default now(), updated_at timestamptz default now(), last_login timestamptz);
create table if not exists chat_sessions (
  id uuid primary key, user_id uuid not null references users(id), title varchar(255), is_active boolean not null default true,
  created_at timestamptz default now(), updated_at timestamptz default now(), ended_at timestamptz);
create index if not exists idx_session_user_active on chat_sessions (user_id, is_active);
create index if not exists idx_session_created_at on chat_sessions (created_at);
create table if not exists messages (
  id uuid primary key, session_id uuid not null references chat_sessions(id), role varchar(20) not null,
  content text not null, message_metadata json, timestamp timestamptz default now());
create index if not exists idx_message_session_timestamp on messages (session_id, timestamp);
create index if not exists idx_message_role on messages (role);
create table if not exists query_metrics (
  id uuid primary key, user_id uuid not null references users(id), query text not null, response_time double precision not null,
  success boolean not null default true, error_message text, timestamp timestamptz default now(), tokens_used integer, logs_searched integer);
create index if not exists idx_metrics_user_timestamp on query_metrics (user_id, timestamp);
create index if not exists idx_metrics_success_timestamp on query_metrics (success, timestamp);
create index if not exists idx_metrics_response_time on query_metrics (response_time);
create table if not exists audit_logs (
  id uuid primary key, event_type varchar(100) not null, user_id uuid references users(id), resource_type varchar(100),
  resource_id varchar(255), details json, ip_address varchar(45), user_agent text, session_id varchar(255), timestamp timestamptz default now());
create index if not exists idx_audit_event_type_timestamp on audit_logs (event_type, timestamp);
create index if not exists idx_audit_user_timestamp on audit_logs (user_id, timestamp);
create index if not exists idx_audit_resource on audit_logs (resource_type, resource_id);
`;
