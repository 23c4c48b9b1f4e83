/** Transcripts of what keeps recovery points: schedules, types of backups, retention. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { WorkerProcess } from '../../src/dev/demo/worker-process.ts';
import { startCliStage, type CliStage } from './stage.ts';
import { run, transcript } from './transcript.ts';

let stage: CliStage;
let worker: WorkerProcess;

beforeAll(async () => {
  stage = await startCliStage();
  await run(['init'], { cwd: stage.folder });
  await writeFile(join(stage.folder, 'uploads/file'), 'x');
  const redis = new Redis(stage.redisPort);
  await redis.set('session:1', 'x');
  await redis.quit();
  worker = await stage.startWorker();
});
afterAll(async () => {
  await worker?.stop();
  await stage?.stop();
});

async function says(...args: string[]): Promise<string> {
  return transcript(args, { cwd: stage.folder });
}

async function points(): Promise<{ timestamp: string; type: string; status: string }[]> {
  const { stdout } = await run(['-o', 'json', 'backups', 'list'], { cwd: stage.folder });
  return JSON.parse(stdout) as Awaited<ReturnType<typeof points>>;
}

test('§1.3: schedules are listed, paused with a reason, resumed and compared', async () => {
  expect(await says('schedules', 'pause', 'backup-full', '--reason', 'disk is changed')).toMatchInlineSnapshot(`
    "$ lifeboat schedules pause backup-full --reason disk is changed
    backup-full is paused
    ! it stays so until \`lifeboat schedules resume backup-full\`
    exit 0"
  `);
  expect(
    (await says('schedules', 'list'))
      .replace(/ \(\w+@.*\)/, ' (WHO)')
      .replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d/g, 'DAY HH:MM'),
  ).toMatchInlineSnapshot(`
    "$ lifeboat schedules list
    SCHEDULE  CRON  STATE  LAST (UTC)  NEXT (UTC)
    backup-full  0 2 * * *  PAUSED
    backup-incremental  0 2 1 1 *  on  DAY HH:MM
    backup-critical  0 2 1 1 *  on  DAY HH:MM
    backup-configuration  0 2 1 1 *  on  DAY HH:MM
    replicate  0 2 1 1 *  on  DAY HH:MM
    verify-daily  0 2 1 1 *  on  DAY HH:MM
    prove-weekly  0 2 1 1 *  on  DAY HH:MM
    rpo-watch  0 2 1 1 *  on  DAY HH:MM
    retention  0 2 1 1 *  on  DAY HH:MM
    backup-full is paused: disk is changed (WHO)
    exit 0"
  `);
  expect(await says('schedules', 'resume', 'backup-full')).toMatchInlineSnapshot(`
    "$ lifeboat schedules resume backup-full
    backup-full runs again
    exit 0"
  `);
  expect(await says('schedules', 'plan')).toMatchInlineSnapshot(`
    "$ lifeboat schedules plan
    ACTION  SCHEDULE  WHY
    keep  backup-full/shop
    keep  backup-incremental/shop
    keep  backup-critical/shop
    keep  backup-configuration/shop
    keep  replicate/shop
    keep  verify-daily/shop
    keep  prove-weekly/shop
    keep  rpo-watch/shop
    keep  retention/shop
    exit 0"
  `);
  expect(await says('schedules', 'backfill', 'backup-full', '--after', 'yesterday')).toMatchInlineSnapshot(`
    "$ lifeboat schedules backfill backup-full --after yesterday
    ! error: \`yesterday\` is not an ISO 8601 time with its zone
    !   hint: write for example YYYY-MM-DDTHH:MM:SSZ or YYYY-MM-DDTHH:MM:SS+01:00
    exit 2"
  `);
  expect(await says('schedules', 'trigger', 'nightly')).toMatchInlineSnapshot(`
    "$ lifeboat schedules trigger nightly
    ! error: command-argument value 'nightly' is invalid for argument 'name'. Allowed
    !   choices are backup-full, backup-incremental, backup-critical,
    !   backup-monitoring, backup-configuration, replicate, verify-daily,
    !   prove-weekly, rpo-watch, retention.
    !   hint: see \`lifeboat schedules trigger --help\`
    exit 2"
  `);
});

test('D2.2, D2.3: an incremental backup, and one of the configuration after a change that was told', async () => {
  await run(['backups', 'run'], { cwd: stage.folder });
  expect(await run(['backups', 'run', '--type', 'incremental'], { cwd: stage.folder })).toMatchObject({ code: 0 });
  expect((await run(['config', 'changed'], { cwd: stage.folder })).code).toBe(0);
  expect((await points()).map(({ type, status }) => `${type} ${status}`).slice(0, 2)).toEqual([
    'configuration 1 of 4',
    'incremental ok',
  ]);
});

test('X16: a tier without a component is refused with what to write', async () => {
  const { code, stderr } = await run(['backups', 'run', '--type', 'monitoring'], { cwd: stage.folder });
  expect(code).toBe(2);
  expect(stderr).toContain('no component has the tier `monitoring`; give one `tier: monitoring`');
});

test('what retention would remove is shown; a held point says until when, and who held it', async () => {
  const held = (await points())[1]!.timestamp;
  expect(await says('backups', 'hold', held, '--reason', 'legal case 7')).toMatchInlineSnapshot(`
    "$ lifeboat backups hold YYYYMMDD_HHMMSS --reason legal case 7
    YYYYMMDD_HHMMSS is held: retention keeps it and what it needs, everywhere
    ! until \`lifeboat backups release YYYYMMDD_HHMMSS\`
    exit 0"
  `);
  expect((await says('backups', 'release', held)).replace(/held by \S+/, 'held by WHO')).toMatchInlineSnapshot(`
    "$ lifeboat backups release YYYYMMDD_HHMMSS
    YYYYMMDD_HHMMSS is released; held by WHO since YYYY-MM-DDTHH:MMZ: legal
      case 7
    exit 0"
  `);
  expect(await says('backups', 'release', held)).toMatchInlineSnapshot(`
    "$ lifeboat backups release YYYYMMDD_HHMMSS
    ! error: \`YYYYMMDD_HHMMSS\` is not held
    !   hint: list what exists with \`lifeboat backups list\`
    exit 4"
  `);
  expect(await says('backups', 'recall', held)).toMatchInlineSnapshot(`
    "$ lifeboat backups recall YYYYMMDD_HHMMSS
    ! error: recovery point YYYYMMDD_HHMMSS was not removed by retention in
    !   local:/folder/backups
    !   hint: list what exists with \`lifeboat backups list\`
    exit 4"
  `);
  expect((await says('retention', 'plan', '--place', 'repository')).replace(/\d+ stay/, 'N stay'))
    .toMatchInlineSnapshot(`
      "$ lifeboat retention plan --place repository
      repository: 0 recovery points would leave, N stay
      space: <size> now, about <size> when it has settled, <size> may be held
      exit 0"
    `);
  expect(await says('retention', 'run', '--max-share', '2')).toMatchInlineSnapshot(`
    "$ lifeboat retention run --max-share 2
    ! error: --max-share 2 is no share
    !   hint: a number above 0 and up to 1, for example 0.5
    exit 2"
  `);
  expect((await run(['retention', 'run'], { cwd: stage.folder })).code).toBe(0);
});

test('what the run would refuse is refused before one is started', async () => {
  expect(await says('retention', 'run', '--max-share', '7')).toMatchInlineSnapshot(`
    "$ lifeboat retention run --max-share 7
    ! error: --max-share 7 is no share
    !   hint: a number above 0 and up to 1, for example 0.5
    exit 2"
  `);
});

test('what somebody sent in the Temporal UI with a letter missing restores nothing, and `watch` says why', async () => {
  await stage.startByHand('restore', { confirm: 'shop', component: ['uploads'] }, 'a-letter-missing');
  expect(await says('restore', 'watch', 'a-letter-missing')).toMatchInlineSnapshot(`
    "$ lifeboat restore watch a-letter-missing
    !   [course]
    ! error: \`restore\` does not take this input: unknown key \`component\` (did you mean
    !   \`components\`?). Nothing was done. Example:
    !   {"at":"latest","components":["database"],"reason":"a disk died"}
    !   hint: docs/workflow-inputs.md lists what every workflow takes
    exit 2"
  `);
});

test('a run that somebody started in the Temporal UI, under an id of its own, is watched and shown like any other', async () => {
  await stage.startByHand('restore', { components: ['uploads'] }, 'look-first');
  const watched = await run(['restore', 'watch', 'look-first'], { cwd: stage.folder });
  expect(watched).toMatchObject({ code: 0, stdout: expect.stringContaining('→ stage:uploads → validate') as string });
  const shown = await run(['restore', 'show', 'look-first'], { cwd: stage.folder });
  expect(shown).toMatchObject({ code: 0, stdout: expect.stringMatching(/^look-first\n +state +planned\n/) as string });
});
