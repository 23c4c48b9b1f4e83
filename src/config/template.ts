/** The commented lifeboat.yaml that `init` writes: the default appliance, every path to be checked by its owner. */

export interface TemplateValues {
  readonly appliance: string;
  readonly repository: string;
  readonly keyFile: string | undefined;
  readonly state: string;
}

export function configurationTemplate({ appliance, repository, keyFile, state }: TemplateValues): string {
  return `# Lifeboat: what is backed up, where to, and what must stop while it is restored.
# Reference of every key: docs/configuration.md. Check it with \`lifeboat doctor\`.
appliance: ${appliance}
state: ${state}

repository:
  path: ${repository}
  reserve: 1GB # stays free on its disk
  # Without this key nobody can restore. Its recovery kit was printed by \`lifeboat init\`.
  encryption: ${keyFile === undefined ? 'none' : `{ key: { file: ${keyFile} } }`}

# What lies on one host is lost with it: a copy elsewhere. More: docs/guides/copies-and-clocks.md
# locations:
#   offsite:
#     kind: s3
#     bucket: wazuh-ai-companion-backups
#     accessKey: { env: AWS_ACCESS_KEY_ID }
#     secretKey: { env: AWS_SECRET_ACCESS_KEY }

temporal:
  address: 127.0.0.1:7233
  ui: http://127.0.0.1:8233

# Failed, partial, skipped and late runs are told here. Set the variables for the worker.
# notify:
#   webhook: { env: SLACK_WEBHOOK_URL } # Slack-shaped
#   channels:
#     mail:
#       kind: email
#       host: smtp.example.org
#       user: lifeboat
#       password: { env: SMTP_PASSWORD }
#       sender: lifeboat@example.org
#       to: [on-call@example.org]
#       from: warning # not what is only for information

# The guide's objectives are the defaults: RPO 1 h critical, 24 h configuration, 4 h monitoring; RTO 4 h, 8 h, 2 h.
# objectives:
#   rpo: { critical: 1h, configuration: 24h, monitoring: 4h }
#   rto: { critical: 4h, full: 8h, monitoring: 2h }

# Ten schedules have their usual times; \`lifeboat schedules list\` shows them.
schedules:
  backup-full: { cron: '0 2 * * *', timeZone: UTC, catchup: 6h }

# What runs. A restore stops only what stands on the restored data, and starts it again in this order.
services:
  postgres:
    start: [systemctl, start, postgresql@15-main]
    stop: [systemctl, stop, postgresql@15-main]
    isRunning: [systemctl, is-active, --quiet, postgresql@15-main]
    ready: { engine: postgres }
  redis:
    start: [systemctl, start, redis-server]
    stop: [systemctl, stop, redis-server]
    isRunning: [systemctl, is-active, --quiet, redis-server]
    ready: { engine: redis }
  app:
    dependsOn: [postgres, redis]
    start: [systemctl, start, wazuh-companion]
    stop: [systemctl, stop, wazuh-companion]
    isRunning: [systemctl, is-active, --quiet, wazuh-companion]
    ready: { health: 'http://127.0.0.1:8000/health/detailed' }

components:
  postgres:
    kind: postgres
    services: [postgres]
    dataDirectory: /var/lib/postgresql/15/main
    database: wazuh_chat
    # A role with LOGIN REPLICATION; \`lifeboat doctor\` prints the SQL that makes it.
    user: lifeboat
    password: { file: /etc/lifeboat/postgres-password }
  redis:
    kind: redis
    priority: 2
    services: [redis]
    dataDirectory: /var/lib/redis
    configFiles: [/etc/redis/redis.conf]
  vectorstore:
    kind: vectorstore
    priority: 2
    services: [app]
    path: /opt/wazuh-companion/data/vectorstore
  models:
    kind: models
    priority: 2
    services: [app]
    path: /opt/wazuh-companion/models
  configuration:
    kind: files
    tier: configuration
    services: [app]
    paths: [/opt/wazuh-companion/config, /opt/wazuh-companion/.env]
`;
}
