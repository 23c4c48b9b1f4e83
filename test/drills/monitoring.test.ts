/** Monitoring data of a real Prometheus: backed up while it writes, restored as a branch of its own. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseConfiguration } from '../../src/config/load.ts';
import { freePort } from '../../src/dev/free-ports.ts';
import { wireParts, type Parts } from '../../workers/parts.ts';
import { run, type Ended } from '../cli/transcript.ts';
import { startLeanStage, type LeanStage } from '../support/lean-stage.ts';

let stage: LeanStage;
let parts: Parts;
let port: number;
const signal = new AbortController().signal;
const at = (name: string): string => join(stage.folder, name);

beforeAll(async () => {
  stage = await startLeanStage(1e5);
  port = await freePort();
  await mkdir(at('prometheus'));
  await writeFile(
    at('prometheus/prometheus.yml'),
    `global: { scrape_interval: 1s }
rule_files: ['${at('prometheus/rules.yml')}']
scrape_configs: [{ job_name: itself, static_configs: [{ targets: ['127.0.0.1:${port}'] }] }]
`,
  );
  await writeFile(
    at('prometheus/rules.yml'),
    'groups: [{ name: a, rules: [{ alert: Down, expr: up == 0, for: 1m }] }]\n',
  );
  const command = [
    'prometheus',
    `--config.file=${at('prometheus/prometheus.yml')}`,
    `--storage.tsdb.path=${at('tsdb')}`,
    `--web.listen-address=127.0.0.1:${port}`,
  ];
  const text = (await readFile(stage.configFile, 'utf8')).replace(
    /^components: .*$/m,
    `services:
  prometheus:
    command: ${JSON.stringify(command)}
    pidFile: ${at('prometheus.pid')}
    logFile: ${at('prometheus.log')}
    ready: { tcp: '127.0.0.1:${port}' }
components:
  data: { kind: files, paths: [${stage.data}] }
  monitoring:
    kind: files
    tier: monitoring
    services: [prometheus]
    paths: [${at('tsdb')}, ${at('prometheus')}]`,
  );
  await writeFile(stage.configFile, text);
  parts = wireParts(parseConfiguration(text, stage.configFile).appliance);
  await parts.platform.start('prometheus', signal);
});
afterAll(async () => {
  await parts?.platform.stop('prometheus', signal);
  await parts?.close();
  await stage?.stop();
});

const lifeboat = async (...args: readonly string[]): Promise<Ended> =>
  run(['-c', stage.configFile, ...args], { cwd: stage.folder });

/** When the target answered, seconds since 1970. */
async function scrapes(): Promise<number[]> {
  const query = new URLSearchParams({ query: 'up[10m]' });
  const answer = await fetch(`http://127.0.0.1:${port}/api/v1/query?${query.toString()}`);
  // It accepts before it has read its own log.
  if (!answer.ok) return [];
  const { data } = (await answer.json()) as { data: { result: { values: [number, string][] }[] } };
  return data.result.flatMap(({ values }) => values.map(([time]) => time));
}

test('X2: series and rules of a Prometheus that was writing come back, and nothing else is stopped', async () => {
  await stage.startWorker();
  await expect.poll(async () => (await scrapes()).length, { interval: 500 }).toBeGreaterThan(5);
  const before = await scrapes();
  expect(await lifeboat('backups', 'run', '--type', 'monitoring')).toMatchObject({ code: 0 });
  await parts.platform.stop('prometheus', signal);
  for (const lost of ['tsdb', 'prometheus']) await rm(at(lost), { recursive: true });
  const restored = await lifeboat('restore', 'start', '--components', 'monitoring', '--confirm', 'lean');
  expect(restored).toMatchObject({ code: 0 });
  expect(restored.stderr).not.toContain('stop:data');
  await expect.poll(scrapes, { interval: 500 }).toEqual(expect.arrayContaining(before));
  expect(await readFile(at('prometheus/rules.yml'), 'utf8')).toContain('alert: Down');
});
