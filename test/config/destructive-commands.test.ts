import { expect, test } from 'vitest';
import { parseConfiguration } from '../../src/config/load.ts';

function problemsOf(stop: readonly string[]): string {
  const text = `appliance: wazuh
repository: {path: /backups, encryption: none}
services:
  app: {start: [docker, compose, start, app], stop: ${JSON.stringify(stop)}, isRunning: [check]}
components:
  conf: {kind: files, paths: [/etc/app]}
`;
  try {
    parseConfiguration(text, 'lifeboat.yaml');
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

test.each([
  [['docker-compose', 'down', '-v']],
  [['docker', 'compose', '-f', '/srv/docker-compose.yml', 'down', '--volumes']],
  [['/usr/bin/docker', 'compose', 'down', '--remove-orphans', '-v']],
  [['sh', '-c', 'cd /srv && docker-compose down -v; true']],
  [['docker', 'compose', 'rm', '-fsv', 'app']],
  [['docker', 'volume', 'rm', 'pgdata']],
  [['docker', 'system', 'prune', '--volumes', '-f']],
  [['python', 'scripts/deploy.py', 'rollback']],
])('X9: a service command that deletes volumes is refused, with its line: %j', (stop) => {
  expect(problemsOf(stop)).toMatch(/^lifeboat\.yaml:4: services\.app\.stop: .*deletes.*volume.*docker compose stop/);
});

test.each([
  [['docker', 'compose', 'stop', 'app']],
  [['docker', 'compose', 'down', '--remove-orphans']],
  [['docker-compose', '--verbose', 'down']],
  [['docker', '-v', 'compose', 'down']],
  [['systemctl', 'stop', 'app']],
])('a service command that leaves volumes alone is accepted: %j', (stop) => {
  expect(problemsOf(stop)).toBe('');
});
