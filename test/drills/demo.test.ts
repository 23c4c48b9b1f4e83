import { execFile } from 'node:child_process';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sabotage } from '../../src/dev/appliance/sabotage.ts';
import { appUrl } from '../../src/dev/appliance/description.ts';
import { probeAppliance } from '../../src/dev/demo/prove.ts';
import type { DemoResult } from '../../src/dev/demo/summary.ts';
import { openStage, type Stage } from '../../src/dev/demo/stage.ts';
import { cliScript } from '../../src/dev/demo/worker-process.ts';
import { canaries } from '../support/canaries.ts';
import { commandPlace, interrupt, reached, startCommand } from '../support/command-process.ts';
import { temporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts';

const script = fileURLToPath(new URL('../../src/dev/demo.ts', import.meta.url));
let folder: TemporaryFolder;
beforeAll(async () => void (folder = await temporaryFolder('demo')));
afterAll(async () => folder.remove());

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function node(args: readonly string[]): Promise<Ended> {
  try {
    // Each demo has a state folder of its own, so that it deletes no other's.
    const { stdout, stderr } = await promisify(execFile)(process.execPath, args, {
      env: { ...process.env, LIFEBOAT_DEMO_STATE: folder.path },
      maxBuffer: 2 ** 24,
    });
    return { code: 0, stdout, stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, stdout, stderr };
  }
}

describe('the demo', () => {
  let told = '';
  let state = '';

  let result: DemoResult;

  test('X1: seeds, backs up under traffic, destroys appliance and repository, restores from the bucket and proves every component, with measured RPO and RTO', async () => {
    const json = join(folder.path, 'result.json');
    const { code, stderr } = await node([script, '--from', 's3', '--json', json]);
    told = stderr;
    expect(code, stderr).toBe(0);
    expect(stderr).toContain('the repository was gone; it was begun anew from s3');
    result = JSON.parse(await readFile(json, 'utf8')) as DemoResult;
    state = /--open (\S+)/.exec(stderr)?.[1] ?? '';
    expect(result.ok).toBe(true);
    const { backup, restore, rpo, rto } = result as Required<DemoResult>;
    expect(backup.id).toMatch(/^\d{8}_\d{6}$/);
    expect(backup.bytes).toBeGreaterThan(50e6);
    expect(restore.steps.every(({ state: step }) => step === 'done')).toBe(true);
    expect(restore.steps.map(({ id }) => id)).toEqual(
      expect.arrayContaining([
        'verify',
        'stage:postgres',
        'swap:redis',
        'start:app',
        'health',
        'probe:vectorstore',
        'commit:models',
      ]),
    );
    // D1.2, from the copy: the database loses what was not archived in the last second or two.
    expect(rpo.databaseSeconds).toBeLessThan(archivedWithin(rpo.seconds));
    // The app wrote after the backup: a demo that lost nothing would not have destroyed anything.
    expect(rpo.lost.keys).toBeGreaterThan(0);
    expect(rpo.seconds).toBeGreaterThan(0);
    expect(rpo.seconds).toBeLessThan(rpo.objectiveSeconds);
    expect(rto.fromDisasterSeconds).toBeGreaterThan(0);
    expect(rto.fromDisasterSeconds).toBeLessThan(rto.objectiveSeconds);
    for (const component of ['postgres', 'redis', 'vectorstore', 'models', 'configuration', 'app']) {
      expect(result.probes.filter((probe) => probe.component === component).length).toBeGreaterThan(0);
    }
    const tables = result.probes
      .filter(({ component, name }) => component === 'postgres' && name.includes('table'))
      .map(({ name }) => name);
    // The traffic writes audit_logs until the disaster: its acknowledgements say what was lost of that one.
    for (const table of ['users', 'chat_sessions', 'messages', 'query_metrics']) expect(tables.join()).toContain(table);
  });

  test('fits into 80 columns', () => {
    const long = told.split('\n').filter((line) => line.length > 80 && !/https?:|\/|error:/.test(line));
    expect(long).toEqual([]);
  });

  describe('opened again', () => {
    let stage: Stage;
    beforeAll(async () => void (stage = await openStage(state)));
    afterAll(async () => stage.stop());

    const cli = async (...args: string[]): Promise<Ended> => node([cliScript, '-c', stage.configFile, ...args]);
    let begun: Promise<void> | undefined;
    const running = async (): Promise<void> => {
      const begin = async (): Promise<void> => {
        for (const service of ['postgres', 'redis', 'app'])
          await stage.platform.start(service, AbortSignal.timeout(180_000));
        await stage.startWorker();
      };
      await (begun ??= begin());
    };

    test('the page for 03:00, the list, the evidence and the check work without a worker, and with engines down', async () => {
      const list = await cli('backups', 'list');
      expect(list.code).toBe(0);
      expect(list.stdout.split('\n')[0]).toMatch(/^TIMESTAMP \(UTC\) +TYPE +AGE +STATUS +SIZE +STORED +VERIFIED$/);
      const reports = await cli('restore', 'show', 'nothing');
      expect(reports.code).toBe(4);
      const run = /restore\/\S+Z/.exec(reports.stderr)?.[0] ?? '';
      const shown = await cli('restore', 'show', run);
      expect(shown.stdout).toMatch(/state +committed/);
      expect((await cli('verify')).code).toBe(0);
      expect((await cli()).stdout).toContain('NEWEST COPY');
    });

    test('X6, D3.9: what is spoiled after a restore is noticed and named, and everything else holds', async () => {
      await running();
      const { sample, appliance } = stage;
      const probe = async () => probeAppliance(appliance, result.backup?.id ?? '', 's3');
      // The chat that ends a demo has written to three tables since.
      const before = new Set((await probe()).map(({ component, name, actual }) => `${component}/${name}: ${actual}`));
      for (const kind of ['row', 'key', 'index', 'config'] as const) await sabotage(kind, sample);
      const spoiled = (await probe()).filter(
        ({ component, name, actual, ok }) => !ok && !before.has(`${component}/${name}: ${actual}`),
      );
      expect(before.size).toBeGreaterThan(15);
      expect(spoiled.map(({ component, name, actual }) => `${component}/${name}: ${actual}`).toSorted()).toEqual([
        expect.stringMatching(/^configuration\/file \S*companion-alerts\.yml: /),
        expect.stringMatching(/^configuration\/path \S*: 13 /),
        expect.stringMatching(/^postgres\/table public\.messages: /),
        expect.stringMatching(/^redis\/key cache:rule:5700: /),
        expect.stringMatching(/^redis\/value and expiry of every key: .* 1 different, 0 missing/),
        expect.stringMatching(/^vectorstore\/file faiss_index\.faiss: /),
      ]);
    });

    test('D6.6, O7.1: a vector store that is not to be restored is built anew by the application from its messages', async () => {
      await running();
      const { sample, appliance } = stage;
      const words = ['--rebuild', 'vectorstore', '--components', 'configuration,vectorstore'];
      const plan = await cli('restore', 'plan', ...words);
      expect(plan.stdout).toMatch(/^vectorstore is NOT restored: the application builds it anew/m);
      const restored = await cli('restore', 'start', ...words, '--confirm', appliance.name);
      expect(restored.code, restored.stderr).toBe(0);
      const run = /^the application builds vectorstore anew: (\S+)$/m.exec(restored.stdout)?.[1] ?? '';
      const watched = await cli('restore', 'watch', run);
      expect(watched.code, watched.stderr).toBe(0);
      const documents = Number(/^vectorstore holds (\d+) documents, built in /m.exec(watched.stdout)?.[1]);
      expect(documents).toBeGreaterThan(0);
      expect(watched.stdout).toMatch(/^what it held before is kept at \S+vectorstore\.before-rebuild-/m);
      const metadata = await readFile(join(sample.folders.vectorstore, 'metadata.json'), 'utf8');
      expect(JSON.parse(metadata)).toMatchObject({ document_count: documents });
      const health = await fetch(`${appUrl(sample)}/health/detailed`);
      expect(await health.text()).toContain(`${documents} vectors`);
    });

    test('X6, canaries: no secret stands in histories, failures, heartbeats, logs, reports or manifests, also after a failed login and a failed restore', async () => {
      const { sample } = stage;
      const secrets = [...(await canaries(sample)), ...Object.values(sample.passwords)];
      await running();
      const wrong = 'canary-wrong-password-5512';
      await writeFile(join(sample.folders.secrets, 'postgres-password'), `${wrong}\n`);
      const login = await cli('backups', 'run');
      expect(login.code).toBe(3);
      expect(login.stderr).toContain('AuthFailed');
      await sabotage('object', sample);
      const failed = await cli(
        'restore',
        'start',
        '--confirm',
        stage.appliance.name,
        '--components',
        'models',
        'vectorstore',
        'postgres',
      );
      expect(failed.code).not.toBe(0);
      const doctor = await cli('doctor');
      const key = (await readFile(join(sample.folders.secrets, 'repository-key'), 'utf8'))
        .trim()
        .split('\n')
        .filter((line) => line.length > 8);
      const texts = [
        told,
        login.stderr,
        login.stdout,
        failed.stderr,
        doctor.stdout,
        doctor.stderr,
        await historiesOf(stage),
        ...(await clearFilesOf(stage)),
      ];
      for (const secret of [...secrets, wrong, ...key]) {
        expect(secret.length).toBeGreaterThan(6);
        for (const text of texts) expect(text.includes(secret)).toBe(false);
      }
    });
  });
});

test('a restore that fails is told to its end: error, result, links, the command that opens it, also where the result cannot be written; --keep holds until Ctrl-C', async () => {
  const place = await commandPlace();
  const started = await startCommand(place, ['demo', '--', '--sabotage', 'object', '--json', '/dev/full', '--keep']);
  await reached(started, / {3}command line {2}/);
  const told = started.said();
  const links = [...told.slice(told.indexOf('== RESULT')).matchAll(/^ +(http\S+\/workflows\/\S+)$/gm)].map(
    ([, link = '']) => link,
  );
  expect(links, told).toHaveLength(2);
  for (const link of links) expect((await fetch(link)).status).toBe(200);
  await interrupt(started);

  expect(told).toMatch(/SABOTAGE: /);
  const named = /\w+: object packs\/\S+, block \w+ of file /;
  expect(told).toMatch(new RegExp(`error: ${named.source}`));
  expect(told).toContain('== RESULT: NOT RESTORED');
  expect(told).toMatch(/npm run demo -- --open \S+/);
  expect(told).toContain('--json: `/dev/full` cannot be written: ENOSPC');
  await place.remove();
});

/** Redis and vectors go back to the backup, the database does not: on busy cores archiving takes longer, and the backup too. */
function archivedWithin(lostSeconds: number): number {
  return Math.max(5, lostSeconds / 2);
}

/** Every text in every history of the server: inputs, results, failures, heartbeats, summaries, memos. */
async function historiesOf({ temporal }: Stage): Promise<string> {
  const connection = await Connection.connect({ address: temporal.address });
  try {
    const client = new Client({ connection });
    const texts: string[] = [];
    let runs = 0;
    for await (const { workflowId, runId } of client.workflow.list()) {
      runs += 1;
      collect(await client.workflow.getHandle(workflowId, runId).fetchHistory(), texts);
      collect((await client.workflow.getHandle(workflowId, runId).describe()).raw, texts);
    }
    expect(runs).toBeGreaterThan(4);
    return texts.join('\n');
  } finally {
    await connection.close();
  }
}

function collect(value: unknown, into: string[]): void {
  if (typeof value === 'string') into.push(value);
  else if (value instanceof Uint8Array) into.push(Buffer.from(value).toString('utf8'));
  else if (typeof value === 'object' && value !== null) for (const part of Object.values(value)) collect(part, into);
}

/** Logs of worker, engines and app, and every object of the repository as its bytes stand on disk. */
async function clearFilesOf({ sample }: Stage): Promise<string[]> {
  const folders = [sample.folders.run, sample.folders.repository, join(sample.stateFolder, 'temporal')];
  const files = await Promise.all(folders.map(async (path) => readdir(path, { recursive: true, withFileTypes: true })));
  return Promise.all(
    files
      .flat()
      .filter((entry) => entry.isFile())
      .map(async (entry) => readFile(join(entry.parentPath, entry.name), 'latin1')),
  );
}
