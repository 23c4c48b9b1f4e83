import { describe, expect, test } from 'vitest';
import { parseConfiguration } from '../../src/config/load.ts';
import { describeAppliance } from '../../src/dev/appliance/description.ts';
import { renderLifeboatYaml } from '../../src/dev/appliance/lifeboat-yaml.ts';
import { isLifeboatError } from '../../src/domain/errors.ts';

const minimal = `appliance: wazuh
repository:
  path: /backups
  encryption: {key: {file: /etc/lifeboat/key}}
notify: {webhook: {env: SLACK_WEBHOOK_URL}}
services:
  postgres: {command: [postgres], pidFile: /run/pg.pid, logFile: /var/log/pg.log, ready: {tcp: "127.0.0.1:5432"}}
  app: {start: [systemctl, start, app], stop: [systemctl, stop, app], isRunning: [systemctl, is-active, app], dependsOn: [postgres], ready: {health: "http://127.0.0.1:8000/health/detailed"}}
components:
  postgres: {kind: postgres, dataDirectory: /var/lib/postgresql/15/main, services: [postgres]}
`;

function problems(text: string): string[] {
  try {
    parseConfiguration(text, 'lifeboat.yaml');
  } catch (error) {
    if (isLifeboatError(error, 'ConfigInvalid')) return error.message.split('\n');
    throw error;
  }
  return [];
}

describe('lifeboat.yaml', () => {
  test('D1.2: the objectives of the guide are the defaults', () => {
    const { appliance } = parseConfiguration(minimal, 'lifeboat.yaml');
    expect(appliance.objectives.rpoSeconds).toEqual({ critical: 3600, configuration: 86_400, monitoring: 14_400 });
    expect(appliance.objectives.rtoSeconds).toEqual({ critical: 14_400, full: 28_800, monitoring: 7200 });
  });

  test('D2.1: the daily full backup at 02:00 UTC within ten minutes, with a catch-up window of 6 h is the default', () => {
    const { appliance } = parseConfiguration(minimal, 'lifeboat.yaml');
    expect(appliance.schedules['backup-full']).toEqual({
      cron: '0 2 * * *',
      timeZone: 'UTC',
      overlap: 'SKIP',
      catchupSeconds: 21_600,
      jitterSeconds: 600,
      enabled: true,
    });
  });

  test('a location keeps archived WAL at least as long as the repository, which would copy it there again', () => {
    const { appliance } = parseConfiguration(
      `${minimal.replace('path: /backups', 'path: /backups\n  retention: {wal: 14d}')}locations:
  near: {kind: local, path: /near}
  far: {kind: local, path: /far, retention: {wal: 30d}}
`,
      'lifeboat.yaml',
    );
    expect(appliance.locations.map(({ retention }) => retention.walSeconds / 86_400)).toEqual([14, 30]);
  });

  test('a prefix that a server of files would fold is refused, whatever S3 itself makes of it', () => {
    const withPrefix = (prefix: string): string =>
      `${minimal}locations: { far: { kind: s3, bucket: copies, prefix: ${JSON.stringify(prefix)} } }\n`;
    for (const prefix of ['a//b', '/a', 'a/', '//', 'a//', './a', 'a/./b', 'a/../b', '..', 'a/..', 'a b', ''])
      expect([prefix, problems(withPrefix(prefix))]).toEqual([
        prefix,
        prefix === 'a/'
          ? []
          : [
              expect.stringMatching(
                /^lifeboat\.yaml:11: locations\.far\.prefix: must be a folder in the bucket, .* no part/,
              ),
            ],
      ]);
    for (const prefix of ['a', 'a/b', 'a.b/..c/c..', '.a/b-_c', 'a/'])
      expect(parseConfiguration(withPrefix(prefix), 'f').appliance.locations[0]).toMatchObject({
        prefix: prefix.replace(/\/$/, ''),
      });
  });

  test('an unknown key is an error that names file, line and key', () => {
    expect(problems(minimal.replace('  path: /backups', '  path: /backups\n  reserv: 5GB'))).toEqual([
      'lifeboat.yaml:4: repository.reserv: unknown key `reserv`',
    ]);
  });

  test('a wrong unit is an error that names the line and a right example', () => {
    const [problem] = problems(`${minimal}objectives: {rpo: {critical: 1 hour}}\n`);
    expect(problem).toMatch(
      /^lifeboat\.yaml:11: objectives\.rpo\.critical: must be a duration with a unit.*`4h`.*not `1 hour`/,
    );
  });

  test('all problems are told at once, with their lines', () => {
    const found = problems(
      minimal.replace('appliance: wazuh', 'appliance: Wazuh!').replace('kind: postgres', 'kind: mysql'),
    );
    expect(found).toHaveLength(2);
    expect(found[0]).toMatch(/^lifeboat\.yaml:1: appliance:/);
    expect(found[1]).toMatch(/^lifeboat\.yaml:10: components\.postgres\.kind: must be one of `postgres`/);
  });

  test('every cycle and every dangling service is told at once, by line', () => {
    const service = 'start: [a], stop: [b], isRunning: [c]';
    const text = minimal
      .replace('ready: {tcp: "127.0.0.1:5432"}', 'dependsOn: [app]')
      .replace('services: [postgres]', 'services: [pg]')
      .replace(
        'components:',
        `  ui: {${service}, dependsOn: [gateway]}\n  gateway: {${service}, dependsOn: [ui]}\ncomponents:`,
      );
    expect(problems(text)).toEqual([
      'lifeboat.yaml:7: services.postgres: dependsOn has a cycle: postgres → app → postgres',
      'lifeboat.yaml:9: services.ui: dependsOn has a cycle: ui → gateway → ui',
      'lifeboat.yaml:12: components.postgres.services: names the unknown service `pg`',
    ]);
  });

  test('a duration without a unit and a number in quotes are told as what they are', () => {
    expect(problems(`${minimal}objectives: {rto: {full: 90}}\n`)).toEqual([
      'lifeboat.yaml:11: objectives.rto.full: must be a duration with a unit, for example `90s`, `15m`, `4h` or `30d`, not `90`',
    ]);
    expect(problems(minimal.replace('kind: postgres,', 'kind: postgres, port: "5432",'))).toEqual([
      'lifeboat.yaml:10: components.postgres.port: must be a number, not the text `5432`',
    ]);
  });

  test('D3.11: a service whose engine is asked takes the address of its component', () => {
    const text = minimal.replace('{tcp: "127.0.0.1:5432"}', '{engine: postgres}');
    const { services } = parseConfiguration(
      text.replace('kind: postgres,', 'kind: postgres, port: 5433,'),
      'f',
    ).appliance;
    expect(services[0]?.ready).toEqual({ kind: 'engine', component: 'postgres', host: '127.0.0.1', port: 5433 });
  });

  test('an engine that no component has is told with its line', () => {
    const files = '  files: {kind: files, paths: [/etc/wazuh]}\n';
    const asking = (component: string): string =>
      `${minimal.replace('{tcp: "127.0.0.1:5432"}', `{engine: ${component}}`)}${files}`;
    expect(problems(asking('pg'))[0]).toMatch(/^lifeboat\.yaml:7: .*`engine` names the unknown component `pg`/);
    expect(problems(asking('files'))[0]).toContain('`files`, which is of kind `files` and has no server');
  });

  test('X13: a repository inside the data that it backs up is refused', () => {
    expect(problems(minimal.replace('path: /backups', 'path: /var/lib/postgresql/15/main/backups'))[0]).toContain(
      'lie inside each other',
    );
  });

  test('two components with the same path, or one inside the other, are refused with file and line, excluded or not', () => {
    const yaml = `${minimal}  app: {kind: files, paths: [/etc/app.conf, /opt/app/], exclude: [/opt/app/models]}
  models: {kind: models, path: /opt/app/models}
  vectors: {kind: vectorstore, path: /opt/app-vectors}
  more:
    kind: files
    paths:
      - /etc/ap
      - /opt/app-vectors
  redis: {kind: redis, dataDirectory: /var/lib/redis, configFiles: [/etc/redis/redis.conf]}
  etc: {kind: files, paths: [/etc/redis]}
`;
    const found = problems(yaml);
    expect(found).toEqual([
      expect.stringMatching(
        /^lifeboat\.yaml:11: components\.app\.paths\.1: `\/opt\/app\/` holds `\/opt\/app\/models` of .*`models`/,
      ),
      expect.stringMatching(
        /^lifeboat\.yaml:18: components\.more\.paths\.1: `\/opt\/app-vectors` belongs to component `vectors`/,
      ),
      expect.stringMatching(
        /^lifeboat\.yaml:20: components\.etc\.paths\.0: `\/etc\/redis` holds `\/etc\/redis\/redis\.conf`/,
      ),
    ]);
  });

  test('paths of one component may lie inside each other, and the same path on two hosts is two', () => {
    const yaml = `${minimal}  redis: {kind: redis, dataDirectory: /srv/redis, configFiles: [/srv/redis/redis.conf]}
  here: {kind: files, paths: [/etc/app, /etc/app/tls]}
  there: {kind: files, host: other, paths: [/etc/app]}
`;
    expect(problems(yaml)).toEqual([]);
  });

  test("Lifeboat's own folder inside a component is refused, beside it not", () => {
    const inside = (state: string): string[] => problems(`${minimal}state: ${state}\n`);
    for (const state of ['/var/lib/postgresql/15/main', '/var/lib/postgresql/15/main/lifeboat'])
      expect(inside(state)).toEqual([
        expect.stringMatching(/^lifeboat\.yaml:11: state: .*inside.*component `postgres`/),
      ]);
    expect(inside('/var/lib/postgresql/15/lifeboat')).toEqual([]);
  });

  test.each([
    ['a: *nope\n', '1: `*nope` refers to no anchor above it; a value that begins with `*` must stand in quotes'],
    ['a: 1\ncron: */5 * * * *\n', '2: Unexpected alias at node end; a value that begins with `*` must stand in quotes'],
    ['a: 1\n---\nb: 2\n', '2: a second document begins here; there may be one'],
    ['a: 1\n\u001b]0;x\u0007', '2: is no text'],
    ['a: {\nb: [\n', '2: Flow map in block collection must be sufficiently indented and end with a }'],
    ['\ta: 1\n', '1: Tabs are not allowed as indentation'],
  ])('what is no YAML is told with its line, once a line: %j', (text, first) => {
    const [told, ...more] = problems(text);
    expect(told).toBe(`lifeboat.yaml:${first}`);
    expect(more.filter((each) => each.startsWith(`lifeboat.yaml:${first.split(':')[0]}:`))).toEqual([]);
  });

  test('copies in the repository, in another location or in what is backed up are refused by name', () => {
    const s3 = (prefix: string): string => `{kind: s3, bucket: copies, prefix: ${prefix}, sse: none}`;
    const ssh = (hostname: string, path: string): string =>
      `{kind: ssh, hostname: ${hostname}, path: ${path}, keyFile: /k, hostKey: 'ssh-ed25519 AAAAB'}`;
    const found = (locations: Record<string, string>): string[] => {
      const lines = Object.entries(locations).map(([name, location]) => `  ${name}: ${location}\n`);
      return problems(`${minimal}locations:\n${lines.join('')}`);
    };
    expect(found({ near: '{kind: local, path: /backups/near}' })).toEqual([
      expect.stringMatching(/^lifeboat\.yaml:\d+: locations\.near: location `near` and the repository lie in/),
    ]);
    expect(found({ near: '{kind: local, path: /var/lib/postgresql/15/main/near}' })).toEqual([
      expect.stringMatching(/: locations\.near\.path: `.*near` and `.*main` of component `postgres` lie inside/),
    ]);
    for (const [a, b] of [
      [s3('a'), s3('a/')],
      [ssh('Host', '/a'), ssh('host', '/a/b/../c')],
      ['{kind: local, path: /a}', '{kind: local, path: /a/}'],
    ] as const)
      expect(found({ a, b })).toEqual([
        expect.stringMatching(/: locations\.b: location `b` and location `a` lie in the same place/),
      ]);
    expect(found({ a: s3('a'), b: s3('ab'), c: ssh('one', '/a'), d: ssh('two', '/a') })).toEqual([]);
  });

  test('the configuration of the sample appliance is one that Lifeboat accepts', () => {
    const appliance = describeAppliance({
      stateFolder: '/var/tmp/lifeboat',
      user: undefined,
      ports: { postgres: 5432, redis: 6379, app: 8000 },
      passwords: { postgres: '', redis: '' },
      binaries: {
        node: '/usr/bin/node',
        postgresBin: '/usr/lib/postgresql/15/bin',
        redisServer: '/usr/bin/redis-server',
      },
      temporal: { address: '127.0.0.1:7233', uiUrl: 'http://127.0.0.1:8233' },
      offSite: undefined,
      webhookUrl: undefined,
    });
    expect(problems(renderLifeboatYaml(appliance))).toEqual([]);
  });

  test('X14: a zone with daylight saving is allowed and warned of', () => {
    const { warnings } = parseConfiguration(
      `${minimal}schedules: {backup-full: {cron: "0 2 * * *", timeZone: Europe/Berlin}}\n`,
      'f',
    );
    expect(warnings.join()).toContain('02:00 is skipped');
  });

  test('broken YAML is told with its line, without a stack', () => {
    expect(problems('appliance: [\n')[0]).toMatch(/^lifeboat\.yaml:\d+: /);
  });

  test('the parsed appliance holds where a secret is, not the secret', () => {
    process.env.SLACK_WEBHOOK_URL = 'https://hooks.example/T0/canary';
    const { appliance } = parseConfiguration(minimal, 'lifeboat.yaml');
    expect(JSON.stringify(appliance)).not.toContain('canary');
    const url = { from: 'env', name: 'SLACK_WEBHOOK_URL' };
    expect(appliance.notify.channels).toEqual([{ kind: 'slack', name: 'webhook', from: 'info', url }]);
  });
});
