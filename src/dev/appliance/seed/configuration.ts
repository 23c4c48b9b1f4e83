/** The appliance's configuration files, secrets among them. What exists already is kept: a second seed changes nothing. */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { databaseName, embeddingModelPath, envFile, type SampleAppliance } from '../description.ts';

/** Begins every secret that must never turn up in a log, history, report or manifest. */
const canaryPrefix = 'canary-';

export async function seedConfiguration(appliance: SampleAppliance): Promise<void> {
  const { configuration } = appliance.folders;
  const files: readonly (readonly [path: string, mode: number, content: () => string])[] = [
    [envFile(appliance), 0o600, () => renderEnv(appliance)],
    [join(configuration, 'docker-compose.yml'), 0o644, () => compose],
    [join(configuration, 'nginx', 'nginx.conf'), 0o644, () => nginx],
    [join(configuration, 'nginx', 'ssl', 'companion.key'), 0o600, makePrivateKey],
    [join(configuration, 'monitoring', 'rules', 'companion-alerts.yml'), 0o644, () => alertRules],
    [join(configuration, 'monitoring', 'alertmanager.yml'), 0o644, () => alertmanager],
    [join(configuration, 'monitoring', 'grafana', 'dashboards', 'companion.json'), 0o644, () => dashboard],
  ];
  for (const [path, mode, content] of files) await writeOnce(path, mode, content);
}

async function writeOnce(path: string, mode: number, content: () => string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  try {
    await writeFile(path, content(), { flag: 'wx', mode });
    await chmod(path, mode);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

function renderEnv(appliance: SampleAppliance): string {
  const { ports, passwords, folders } = appliance;
  const canary = (): string => `${canaryPrefix}${randomBytes(12).toString('hex')}`;
  return [
    `PORT=${ports.app}`,
    `DATABASE_URL=postgresql://postgres:${encodeURIComponent(passwords.postgres)}@127.0.0.1:${ports.postgres}/${databaseName}`,
    `REDIS_URL=redis://:${encodeURIComponent(passwords.redis)}@127.0.0.1:${ports.redis}/0`,
    `VECTORSTORE_PATH=${folders.vectorstore}`,
    `MODEL_PATH=${embeddingModelPath(appliance)}`,
    `EMBEDDING_MODEL=${appliance.embeddingModelName}`,
    'SESSION_SECONDS=3600',
    `SECRET_KEY=${canary()}`,
    `JWT_SECRET=${canary()}`,
    `WAZUH_API_PASSWORD=${canary()}`,
    '',
  ].join('\n');
}

function makePrivateKey(): string {
  return generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
    .privateKey.export({ type: 'pkcs8', format: 'pem' })
    .toString();
}

const compose = `services:
  app:
    image: wazuh-ai-companion:latest
    env_file: .env
    depends_on: [postgres, redis]
  postgres:
    image: postgres:15
  redis:
    image: redis:7
    command: redis-server --appendonly yes
`;

const nginx = `events {}
http {
  server {
    listen 443 ssl;
    ssl_certificate_key /etc/nginx/ssl/companion.key;
    location / { proxy_pass http://app:8000; }
  }
}
`;

const alertRules = `groups:
  - name: companion
    rules:
      - alert: ApplicationDown
        expr: up{job="companion"} == 0
        for: 1m
        labels: { severity: critical }
      - alert: HighResponseTime
        expr: histogram_quantile(0.95, rate(wazuh_http_request_duration_seconds_bucket[5m])) > 2
        for: 5m
        labels: { severity: warning }
`;

const alertmanager = `route:
  receiver: operations
receivers:
  - name: operations
    webhook_configs:
      - url: http://127.0.0.1:5001/webhook
`;

const dashboard = `${JSON.stringify({ title: 'Companion', panels: [{ title: 'Requests', type: 'timeseries' }] }, undefined, 2)}\n`;
