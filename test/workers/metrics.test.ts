import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { parseConfiguration } from '../../src/config/load.ts';
import { storeRpoState } from '../../src/operations/rpo/readings.ts';
import { freePorts } from '../../src/dev/free-ports.ts';
import { createMetrics, serveMetrics } from '../../workers/metrics.ts';
import { backUp } from '../repository/backup.ts';
import { repositoryTest } from '../repository/fixture.ts';

const silent = pino({ level: 'silent' });

repositoryTest(
  'D1.2: the worker tells ages, objectives, verification and locations as Prometheus reads them',
  async ({ repository }) => {
    const [port = 0] = await freePorts(1);
    const { appliance } = parseConfiguration(
      `appliance: shop
repository: {path: /b, encryption: none}
locations: {vault: {kind: local, path: /v, offHost: true}}
metrics: {listen: '127.0.0.1:${port}'}
components: {files: {kind: files, paths: [/etc/x]}, lost: {kind: files, tier: configuration, paths: [/etc/y]}}
`,
      'f',
    );
    const { id } = await backUp(repository, async (writer) => writer.bytes('a', Buffer.from('x')));
    await repository.putProof(id, { kind: 'verify', ok: true, state: 'verified' });
    await storeRpoState(repository, { at: '2026-11-28T12:00:00.000Z', levels: {} });
    const counted = createMetrics(appliance, async () => repository);
    const metrics = await serveMetrics(appliance, counted, silent);
    counted.ran('fullBackup', 'sealed', 3);
    counted.ran('fullBackup', 'failed', 1);
    counted.ran('restore', 'aborted', 5);
    counted.ran('restore', 'committed', 42);
    counted.stepped('swap', 0.3);
    counted.stepped('swap', 20);
    counted.missed('backup-full/shop', 0);
    counted.missed('backup-incremental/shop', 2);
    try {
      const response = await fetch(`http://127.0.0.1:${port}/metrics`);
      const text = await response.text();
      const value = (series: string): number => {
        const line = text.split('\n').find((each) => each.startsWith(`${series} `));
        return line === undefined ? Number.NaN : Number(line.split(' ').at(-1));
      };
      const of = '{place="repository",component="files",tier="critical"}';
      expect(value(`lifeboat_rpo_seconds${of}`)).toBeLessThan(60);
      expect(value('lifeboat_rpo_objective_seconds{component="files",tier="critical"}')).toBe(3600);
      expect(value('lifeboat_rpo_objective_seconds{component="lost",tier="configuration"}')).toBe(86_400);
      expect(value(`lifeboat_copies${of}`)).toBe(1);
      expect(value('lifeboat_copies{place="repository",component="lost",tier="configuration"}')).toBe(0);
      expect(value(`lifeboat_backup_last_success_timestamp_seconds${of}`)).toBeGreaterThan(Date.now() / 1000 - 60);
      expect(value(`lifeboat_backup_last_verified_timestamp_seconds${of}`)).toBeGreaterThan(Date.now() / 1000 - 60);
      expect(value('lifeboat_location_up{location="vault"}')).toBe(0);
      expect(value('lifeboat_rpo_watch_last_run_timestamp_seconds')).toBe(Date.parse('2026-11-28T12:00:00Z') / 1000);
      expect(value('lifeboat_backup_size_bytes{component="files",tier="critical"}')).toBe(1);
      expect(value('lifeboat_backup_runs_total{type="fullBackup",result="failed"}')).toBe(1);
      expect(value('lifeboat_restore_runs_total{result="aborted"}')).toBe(1);
      expect(value('lifeboat_rto_measured_seconds{plan="restore"}')).toBe(42);
      expect(value('lifeboat_restore_step_duration_seconds_bucket{le="0.5",step="swap"}')).toBe(1);
      expect(value('lifeboat_restore_step_duration_seconds_count{step="swap"}')).toBe(2);
      expect(value('lifeboat_schedule_missed_total{schedule="backup-incremental/shop"}')).toBe(2);
      expect(value('lifeboat_schedule_missed_total{schedule="backup-full/shop"}')).toBe(0);
      expect(text).not.toContain(id);
      // A second worker on the host serves none, and works.
      await (await serveMetrics(appliance, counted, silent)).close();
      expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(404);
    } finally {
      await metrics.close();
    }
  },
);

test('the alert rules alarm when they should and not before', async () => {
  const folder = fileURLToPath(new URL('../../deploy/prometheus', import.meta.url));
  const { stdout } = await promisify(execFile)('promtool', ['test', 'rules', 'lifeboat-rules.test.yml'], {
    cwd: folder,
  });
  expect(stdout).toContain('SUCCESS');
});
