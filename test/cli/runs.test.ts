/** Transcripts of everything that concerns runs, in the order in which a person would meet it. */
import { readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { WorkerProcess } from '../../src/dev/demo/worker-process.ts';
import { Redis } from 'ioredis';
import { startCliStage, type CliStage } from './stage.ts';
import { run, transcript, type Ended, type Invocation } from './transcript.ts';

let stage: CliStage;
let worker: WorkerProcess;

beforeAll(async () => void (stage = await startCliStage()));
afterAll(async () => stage?.stop());

async function says(...args: string[]): Promise<string> {
  return transcript(args, { cwd: stage.folder });
}

async function ends(args: readonly string[], more: Partial<Invocation> = {}): Promise<Ended> {
  return run(args, { cwd: stage.folder, ...more });
}

async function json(...args: string[]): Promise<unknown> {
  return JSON.parse((await ends(['-o', 'json', ...args])).stdout);
}

/** Ctrl-C as soon as the id of the run is there. Returns it. */
async function interrupted(args: readonly string[], at = /^(\w+\/shop\/\S+)\n/): Promise<string> {
  const { code, stdout, stderr } = await ends(args, { interruptAt: at });
  const id = /^(\w+\/shop\/\S+)\n/.exec(stderr)?.[1] ?? 'none';
  expect({ code, stdout, end: stderr.slice(stderr.indexOf(`${id} goes`)) }).toEqual({
    code: 130,
    stdout: '',
    end: `${id} goes on; see it with\n  lifeboat restore watch ${id}\n`,
  });
  return id;
}

describe('before anything runs', () => {
  test('a fresh appliance: what is missing is said, and what comes next', async () => {
    expect((await ends(['init'])).code).toBe(0);
    expect(await says()).toMatchInlineSnapshot(`
      "$ lifeboat
      shop  YYYY-MM-DDTHH:MM:SSZ  3 problems
      ! NO WORKER: nothing is backed up and no run moves
      ! UNPROTECTED: there is no recovery point yet
      ! NO SCHEDULE backup-full, backup-incremental, backup-critical,
        backup-configuration, replicate, verify-daily, prove-weekly, rpo-watch,
        retention: the next worker that starts creates it

      COMPONENT  NEWEST COPY  AGE  RPO
      database  none  <time>  BREACHED
      cache  none  <time>  BREACHED
      configuration  none  <time>  BREACHED
      uploads  none  <time>  BREACHED

      LOCATION  NEWEST COPY  AGE  OF  MEASURED
      vault  none  not measured yet

      running  nothing

      next:
        lifeboat worker
        lifeboat doctor
      exit 3"
    `);
  });

  test('no worker is said at once, exit 9; nothing is started', async () => {
    expect(`${await says('backups', 'run')}\n${await says('restore', 'start', '--confirm', 'shop')}`)
      .toMatchInlineSnapshot(`
      "$ lifeboat backups run
      ! error: no worker polls the task queue \`lifeboat\` at 127.0.0.1:PORT; nothing was
      !   started
      !   hint: start one with \`lifeboat worker\`
      exit 9
      $ lifeboat restore start --confirm shop
      ! error: no worker polls the task queue \`lifeboat\` at 127.0.0.1:PORT; nothing was
      !   started
      !   hint: start one with \`lifeboat worker\`
      exit 9"
    `);
  });

  test('O1.1: doctor names every engine, permission, key, disk, clock and schedule, with a hint for what is not well', async () => {
    expect(await says('doctor', '--try-recovery-kit', 'key')).toMatchInlineSnapshot(`
      "$ lifeboat doctor --try-recovery-kit key
      ok  recovery kit: opens repository <repository id>
      ok  repository: local:/folder/backups, id
           <repository id>, encrypted
      ok  disk space: <size> of <size> free
      ok  clock: <time> from the storage's
      ok  restore.sh: as written by Lifeboat, SHA-256
           <sha-256>
      ok  off-host copies: go to vault
      ok  service app: can be started and stopped from here
      ok  database: replication: PostgreSQL 15, role \`postgres\` may replicate
      ok  database: max_wal_senders: 1 of 10 are in use; two are needed
      ok  database: max_slot_wal_keep_size: 2GB at most wait for the archive
      ok  database: configuration files: all in the data directory
      ok  database: database: \`postgres\` has 1 tables, all readable
      ok  database: backup token: may be written
      ok  database: data directory: belongs to user UID, restores run as this user
      ok  database: server programs: PostgreSQL 15 in <path>/bin
      ok  cache: /folder/redis/data: readable, and can be exchanged
      ok  cache: redis-server: <path>/redis-server is <version>
      ok  configuration: /folder/etc: readable, and can be exchanged
      ok  uploads: /folder/uploads: readable, and can be exchanged
      ok  temporal: 127.0.0.1:PORT, namespace default, UI http://127.0.0.1:PORT
      WARN configuration: notify names no channel: failed backups tell nobody
      WARN recovery points: there is none yet
           hint: run \`lifeboat backups run\`
      WARN location vault: answers, and nothing was copied there yet
           hint: a running worker copies after every backup: \`lifeboat backups run\`
      WARN cache: server: Redis <version> holds no key: a backup of it would fail
           hint: is it the right server?
      FAIL worker: no worker polls the task queue \`lifeboat\` at 127.0.0.1:PORT
           hint: start one with \`lifeboat worker\`
      FAIL schedules: the server has none of backup-full, backup-incremental,
           backup-critical, backup-configuration, replicate, verify-daily,
           prove-weekly, rpo-watch, retention
           hint: a worker creates them when it starts, or \`lifeboat schedules apply\`
      20 ok, 4 warnings, 2 failures
      exit 1"
    `);
  });
});

describe('backups', () => {
  beforeAll(async () => {
    worker = await stage.startWorker();
  });

  test('a component that yields nothing makes the backup partial: exit 3, and it is named', async () => {
    expect(await says('backups', 'run')).toMatchInlineSnapshot(`
      "$ lifeboat backups run
      ! fullBackup/shop/YYYY-MM-DDTHH:MM:SSZ
      !   http://127.0.0.1:PORT/namespaces/default/workflows/fullBackup%2Fshop%2FYYYY-MM-DDTHH%3AMM%3ASSZ
      !   [course]
      ! error: recovery point YYYYMMDD_HHMMSS is partial: cache: SourceEmpty: Redis
      !   holds no key in any database; uploads: SourceEmpty: no file in
      !   \`/folder/uploads\`
      !   hint: correct the named component, then \`lifeboat backups run\`; what was
      !         captured can be restored
      exit 3"
    `);
    await ended();
    expect(await says()).toMatchInlineSnapshot(`
      "$ lifeboat
      shop  YYYY-MM-DDTHH:MM:SSZ  3 problems
      ! UNPROTECTED: no copy of cache, uploads
      ! LAST BACKUP PARTIAL <time> ago: recovery point YYYYMMDD_HHMMSS is partial:
        cache: SourceEmpty: Redis holds no key in any database; uploads: SourceEmpty:
        no file in \`/folder/uploads\`
      ! RPO BREACHED IN vault: cache, uploads

      COMPONENT  NEWEST COPY  AGE  RPO
      database  YYYYMMDD_HHMMSS  <time>  <time>  ok
      cache  none  <time>  BREACHED
      configuration  YYYYMMDD_HHMMSS  <time>  <time>  ok
      uploads  none  <time>  BREACHED

      LOCATION  NEWEST COPY  AGE  OF  MEASURED
      vault  none  no copy  cache  <time> ago

      last backup  partial YYYYMMDD_HHMMSS, <time> ago, took <time>
      next backup  YYYY-MM-DDTHH:MMZ, in <time>
      running  nothing

      next:
        lifeboat backups run
        lifeboat restore plan
        lifeboat doctor
      exit 3"
    `);
  });

  test('D3.3: a full backup and the list of all: the id and the link at once, the result on stdout', async () => {
    await writeFile(join(stage.folder, 'uploads/image.png'), 'PNG');
    const redis = new Redis(await redisPort());
    await redis.set('session:1', 'x');
    await redis.quit();
    expect(await says('backups', 'run', '--reason', 'before the update')).toMatchInlineSnapshot(`
      "$ lifeboat backups run --reason before the update
      recovery point YYYYMMDD_HHMMSS sealed: <size>, <size> stored, <time>
      ! fullBackup/shop/YYYY-MM-DDTHH:MM:SSZ
      !   http://127.0.0.1:PORT/namespaces/default/workflows/fullBackup%2Fshop%2FYYYY-MM-DDTHH%3AMM%3ASSZ
      !   [course]
      exit 0"
    `);
    expect(await says('backups', 'list')).toMatchInlineSnapshot(`
      "$ lifeboat backups list
      TIMESTAMP (UTC)  TYPE  AGE  STATUS  SIZE  STORED  VERIFIED
      YYYYMMDD_HHMMSS  full  <time>  ok  <size>  <size>  never
      YYYYMMDD_HHMMSS  full  <time>  PARTIAL  <size>  <size>  never
      exit 0"
    `);
    // The server itself may write meanwhile (autovacuum), and then it was not quiet.
    const shown = (await says('backups', 'show')).replace(/(?<=database .*)snapshot/, 'quiesced');
    expect(shown).toMatchInlineSnapshot(`
      "$ lifeboat backups show
      full recovery point YYYYMMDD_HHMMSS of shop: ok
      made by lifeboat <version>, sealed YYYY-MM-DDTHH:MM:SSZ, skew <time>
      by fullBackup/shop/YYYY-MM-DDTHH:MM:SSZ

      COMPONENT  KIND  SIZE  NEW  FILES  UNTIL  STATE
      database  postgres  <size>  <size>  977  HH:MM:SSZ  quiesced
      cache  redis  <size>  <size>  2  HH:MM:SSZ  snapshot
      configuration  files  <size>  <size>  2  HH:MM:SSZ  stable-window
      uploads  files  <size>  <size>  2  HH:MM:SSZ  stable-window
      exit 0"
    `);
    // Captures run at once: which of them is the oldest differs.
    expect((await says()).replace(/(?<=vault .*<time>  )\w+/, 'oldest')).toMatchInlineSnapshot(`
      "$ lifeboat
      shop  YYYY-MM-DDTHH:MM:SSZ  all is well

      COMPONENT  NEWEST COPY  AGE  RPO
      database  YYYYMMDD_HHMMSS  <time>  <time>  ok
      cache  YYYYMMDD_HHMMSS  <time>  <time>  ok
      configuration  YYYYMMDD_HHMMSS  <time>  <time>  ok
      uploads  YYYYMMDD_HHMMSS  <time>  <time>  ok

      LOCATION  NEWEST COPY  AGE  OF  MEASURED
      vault  YYYYMMDD_HHMMSS  <time>  oldest  <time> ago

      last backup  sealed YYYYMMDD_HHMMSS, <time> ago, took <time>
      next backup  YYYY-MM-DDTHH:MMZ, in <time>
      running  nothing

      next:
        lifeboat restore plan
        lifeboat verify
        lifeboat doctor
      exit 0"
    `);
  });

  test('with -o json stdout is one document for each reading command', async () => {
    const [list, show, plan, now] = await Promise.all([
      json('backups', 'list'),
      json('backups', 'show'),
      json('restore', 'plan'),
      json('now'),
    ]);
    expect(list).toMatchObject([{ status: 'ok', problem: null }, { status: 'PARTIAL' }]);
    expect(show).toMatchObject({ success: true, proofs: [], lifeboat: { appliance: 'shop' } });
    expect(plan).toMatchObject({ appliance: 'shop', stops: ['app'], notHeld: [] });
    expect(now).toMatchObject({ appliance: 'shop', problems: [], orchestrator: { hasWorker: true } });
  });

  test('an unknown recovery point and one of several end with 4 and say what there is', async () => {
    const all = await Promise.all([
      says('backups', 'show', '2020'),
      says('backups', 'show', 'yesterday'),
      says('verify', '20'),
      says('restore', 'plan', '--at', '20'),
      says('verify', '--components', 'db'),
    ]);
    expect(all.join('\n')).toMatchInlineSnapshot(`
      "$ lifeboat backups show 2020
      ! error: no recovery point begins with 2020 in
      !   local:/folder/backups
      !   hint: list what exists with \`lifeboat backups list\`
      exit 4
      $ lifeboat backups show yesterday
      ! error: "yesterday" is neither a timestamp nor latest or newest
      !   hint: list what exists with \`lifeboat backups list\`
      exit 4
      $ lifeboat verify 20
      ! error: 20 fits 2 recovery points: YYYYMMDD_HHMMSS, YYYYMMDD_HHMMSS
      !   hint: give more digits
      exit 4
      $ lifeboat restore plan --at 20
      ! error: 20 fits 2 recovery points: YYYYMMDD_HHMMSS, YYYYMMDD_HHMMSS
      !   hint: give more digits
      exit 4
      $ lifeboat verify --components db
      ! error: recovery point YYYYMMDD_HHMMSS holds no component \`db\`; it holds
      !   database, cache, configuration, uploads
      !   hint: list what exists with \`lifeboat backups list\`
      exit 4"
    `);
    for (const at of ['2020', '20']) {
      const { code, stderr } = await ends(['restore', 'start', '--at', at, '--confirm', 'shop']);
      expect({ code, stderr }).toEqual({ code: 4, stderr: expect.stringMatching(/error: (no recovery|20 fits 2)/) });
    }
  });

  test('Ctrl-C in `backups run`: the run goes on, its id is printed, exit 130', async () => {
    const id = await interrupted(['backups', 'run', '--components', 'configuration']);
    const { code, stdout } = await ends(['restore', 'watch', id]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/^recovery point \d{8}_\d{6} sealed/) });
  });

  test('verify: a good point ends with 0; a flipped bit is named, exit 1', async () => {
    expect(await says('verify', 'latest')).toMatchInlineSnapshot(`
      "$ lifeboat verify latest
      recovery point YYYYMMDD_HHMMSS: ok (L1, L3), 9 objects, <size>, <time>
      exit 0"
    `);
    const { backupId: id } = (await json('restore', 'plan')) as { backupId: string };
    const [path, whole] = await largestPack();
    const flipped = Buffer.from(whole);
    flipped.writeUInt8(flipped.readUInt8(1000) ^ 1, 1000);
    await rm(path);
    await writeFile(path, flipped);
    const { code, stdout, stderr } = await ends(['verify', id]);
    await rm(path);
    await writeFile(path, whole);
    expect({ code, stdout, stderr }).toEqual({
      code: 1,
      stdout: expect.stringMatching(/^DAMAGED .*\n[^]*recovery point \d{8}_\d{6}: \d+ problems? \(/),
      stderr: expect.stringContaining('hint: choose another recovery point with'),
    });
    expect((await ends(['verify', id])).code).toBe(0);
  });
});

describe('restore', () => {
  test('the plan is data, what to do with it is talk; nothing changes', async () => {
    expect(await says('restore', 'plan', '--components', 'configuration')).toMatchInlineSnapshot(`
      "$ lifeboat restore plan --components configuration
        [course]

      COMPONENT  KIND  SIZE  LOST IF RESTORED NOW
      configuration  files  <size>  the last <time>

      stops  app
      takes  about <time> for <size> (by size)
      longest  verify → stage:configuration → validate:configuration → stop:app →
                  swap:configuration → probe:configuration → start:app → health →
                  commit:configuration
      skew  <time> between the first and the last capture
      disk  needs <size>, has <size> free: /folder/etc

       #  STEP  ABOUT  OF
       1  verify  <time>
       2  stage  <time>  configuration
       3  validate  <time>  configuration
       4  stop  <time>  app
       5  swap  <time>  configuration
       6  probe  <time>  configuration
       7  start  <time>  app
       8  health  <time>
       9  commit  <time>  configuration
      !
      ! nothing was changed; to do it:
      !   lifeboat restore start --at YYYYMMDD_HHMMSS --components configuration --reason '…'
      exit 0"
    `);
  });

  test('without a name, or with a wrong one, nothing starts: exit 5', async () => {
    const { code, stdout, stderr } = await ends(['restore', 'start', '--components', 'configuration']);
    expect({ code, stdout, end: stderr.slice(stderr.indexOf('error:')) }).toMatchInlineSnapshot(`
      {
        "code": 5,
        "end": "error: a restore changes the appliance and was not confirmed; nothing was
        started
        hint: add --confirm shop
      ",
        "stdout": "",
      }
    `);
    expect(await says('restore', 'start', '--confirm', 'shap')).toMatchInlineSnapshot(`
      "$ lifeboat restore start --confirm shap
      ! error: --confirm \`shap\` is not the name of this appliance; nothing was started
      !   hint: it is \`shop\`; did you take the right configuration?
      exit 5"
    `);
  });

  test('Ctrl-C in `restore start`: it goes on; `now`, a second restore and its abort know it', async () => {
    await stage.hold();
    const id = await interrupted(
      ['restore', 'start', '--components', 'configuration', '--confirm', 'shop'],
      /\[x\] validate/,
    );
    const [now, second, show] = await Promise.all([
      ends([]),
      ends(['restore', 'start', '--confirm', 'shop']),
      ends(['restore', 'show', id]),
    ]);
    expect(now).toMatchObject({ code: 0, stdout: expect.stringContaining(`lifeboat restore watch ${id}`) });
    expect({ ...second, stderr: second.stderr.replaceAll(/\s+/g, ' ') }).toEqual({
      code: 5,
      stdout: '',
      stderr: expect.stringContaining(`the appliance is held by ${id}; nothing was started`),
    });
    expect(show).toMatchObject({ code: 4, stderr: expect.stringContaining('it still runs') });
    const watching = ends(['restore', 'watch'], { ownProcess: true });
    const abort = await ends(['restore', 'abort', '--reason', 'wrong point']);
    await stage.release();
    expect({ ...abort, stderr: '' }).toEqual({
      code: 0,
      stdout: `${id} was aborted; what was there is back\n`,
      stderr: '',
    });
    const { code, stdout, stderr } = await watching;
    expect({ code, stdout, stderr }).toEqual({
      code: 7,
      stdout: '',
      stderr: expect.stringMatching(/error: aborted, everything undone: .*wrong point\n {2}hint: /),
    });
    expect(await says('restore', 'show')).toMatchInlineSnapshot(`
      "$ lifeboat restore show
      restore/shop/YYYY-MM-DDTHH:MM:SSZ
        state  aborted, everything undone
        said  Aborted: aborted, everything undone: me@here: wrong point
        point  YYYYMMDD_HHMMSS
        began  YYYY-MM-DDTHH:MM:SSZ, took <time>
        asked by  me@here
        note  HH:MM:SS abort asked by me@here: wrong point

      STEP  STATE  TIME
      verify  done  <time>  2 objects
      stage:configuration  undone  <time>  1 file
      validate:configuration  done  <time>
      stop:app  undone  <time>
      swap:configuration  waiting
      start:app  waiting
      probe:configuration  waiting
      health  waiting
      commit:configuration  waiting
      exit 0"
    `);
    expect(await says('restore', 'abort', '--reason', 'again')).toMatchInlineSnapshot(`
      "$ lifeboat restore abort --reason again
      ! error: no restore of shop is open
      !   hint: the last one: \`lifeboat restore show\`
      exit 4"
    `);
    const again = await ends(['restore', 'abort', id, '--reason', 'again']);
    expect(again).toMatchObject({ code: 5, stderr: expect.stringContaining('has ended') });
  });

  test('O7.3: a restore ends with what it proved and where the old data is; late it ends with 8', async () => {
    expect(await says('restore', 'start', '--components', 'configuration', '--confirm', 'shop', '--reason', 'drill'))
      .toMatchInlineSnapshot(`
      "$ lifeboat restore start --components configuration --confirm shop --reason drill
      restored YYYYMMDD_HHMMSS in <time>: 1 probe holds
      old data kept at /folder/etc.lifeboat-aside-XXXX
      full backup started: fullBackup/shop/YYYY-MM-DDTHH:MM:SSZ
      ! restore/shop/YYYY-MM-DDTHH:MM:SSZ
      !   http://127.0.0.1:PORT/namespaces/default/workflows/restore%2Fshop%2FYYYY-MM-DDTHH%3AMM%3ASSZ
      !   [course]
      exit 0"
    `);
    expect(await says('restore', 'show')).toMatchInlineSnapshot(`
      "$ lifeboat restore show
      restore/shop/YYYY-MM-DDTHH:MM:SSZ
        state  committed
        point  YYYYMMDD_HHMMSS
        began  YYYY-MM-DDTHH:MM:SSZ, took <time>
        asked by  me@here
        reason  drill
        proof  1 probe holds
        old data  /folder/etc.lifeboat-aside-XXXX

      STEP  STATE  TIME
      verify  done  <time>  2 objects
      stage:configuration  done  <time>  1 file
      validate:configuration  done  <time>
      stop:app  done  <time>
      swap:configuration  done  <time>
      start:app  done  <time>
      probe:configuration  done  <time>  1 probe holds
      health  done  <time>  1 service ready
      commit:configuration  done  <time>
      exit 0"
    `);
    await ended();
    const late = await ends([
      'restore',
      'start',
      '--components',
      'configuration',
      '--confirm',
      'shop',
      '--disaster-at',
      '2020-01-01T00:00:00Z',
    ]);
    expect(late).toMatchObject({ code: 8, stdout: expect.stringMatching(/^restored /) });
    expect(late.stderr).toContain('the RTO was breached\n');
  });

  /** Which folder it is, whatever its name. */
  const folderOf = async (name: string): Promise<number> => (await stat(join(stage.folder, name))).ino;

  test('undo of a committed restore: the plan first, then the old data is live and the restored data is kept', async () => {
    await ended();
    const restoredFolder = await folderOf('etc');
    expect(await says('restore', 'undo', '--components', 'configuration')).toMatchInlineSnapshot(`
      "$ lifeboat restore undo --components configuration
      ! undo of the restore of shop of YYYY-MM-DDTHH:MM:SSZ
      !
      ! COMPONENT  KIND  OLD DATA
      ! configuration  files  <size>
      !
      ! goes aside  what was restored, and what was written since: <time>
      ! stops  app
      ! takes  about <time>: nothing is copied
      !
      !  #  STEP  ABOUT  OF
      !  1  stop  <time>  app
      !  2  put-back  <time>  configuration
      !  3  start  <time>  app
      !  4  health  <time>
      !
      ! error: a restore changes the appliance and was not confirmed; nothing was
      !   started
      !   hint: add --confirm shop
      exit 5"
    `);
    expect(await says('restore', 'undo', '--components', 'cache', '--confirm', 'shop')).toMatchInlineSnapshot(`
      "$ lifeboat restore undo --components cache --confirm shop
      ! error: no restored data is live; there is nothing to undo
      !   hint: restore a recovery point instead: \`lifeboat restore plan\`
      exit 4"
    `);
    expect(await says('restore', 'undo', '--confirm', 'shop', '--reason', 'the wrong day')).toMatchInlineSnapshot(`
      "$ lifeboat restore undo --confirm shop --reason the wrong day
      restored data before YYYY-MM-DDTHH:MM:SSZ in <time>
      old data kept at /folder/etc.lifeboat-aside-XXXX
      old data kept at /folder/etc.lifeboat-aside-XXXX
      full backup started: fullBackup/shop/YYYY-MM-DDTHH:MM:SSZ
      ! restore/shop/YYYY-MM-DDTHH:MM:SSZ
      !   http://127.0.0.1:PORT/namespaces/default/workflows/restore%2Fshop%2FYYYY-MM-DDTHH%3AMM%3ASSZ
      !   [course]
      exit 0"
    `);
    expect(await folderOf('etc')).not.toBe(restoredFolder);
    const kept = (await readdir(stage.folder)).filter((name) => name.startsWith('etc.lifeboat-aside-'));
    expect(await Promise.all(kept.map(folderOf))).toContain(restoredFolder);
  });

  test('unknown runs end with 4; of a run that Temporal forgot the repository still holds the evidence', async () => {
    await ended();
    const unknown = await Promise.all([
      says('restore', 'watch'),
      says('restore', 'watch', 'restore/shop/none'),
      says('restore', 'abort', 'restore/shop/none', '--reason', 'x'),
      says('restore', 'show', 'restore/shop/none'),
      says('restore', 'show', '../../key'),
    ]);
    expect(unknown.join('\n')).toMatchInlineSnapshot(`
      "$ lifeboat restore watch
      ! error: no run of shop is open
      !   hint: the last restore: \`lifeboat restore show\`
      exit 4
      $ lifeboat restore watch restore/shop/none
      ! error: Temporal knows no run \`restore/shop/none\`
      !   hint: the evidence of ended runs: \`lifeboat restore show restore/shop/none\`
      exit 4
      $ lifeboat restore abort restore/shop/none --reason x
      ! error: Temporal knows no run \`restore/shop/none\`
      !   hint: the evidence of ended runs: \`lifeboat restore show restore/shop/none\`
      exit 4
      $ lifeboat restore show restore/shop/none
      ! error: the repository holds no report of \`restore/shop/none\`
      !   hint: the newest are
      !     replicate/shop/YYYYMMDD_HHMMSS
      !     fullBackup/shop/YYYY-MM-DDTHH:MM:SSZ
      !     restore/shop/YYYY-MM-DDTHH:MM:SSZ
      !     replicate/shop/YYYYMMDD_HHMMSS
      !     fullBackup/shop/YYYY-MM-DDTHH:MM:SSZ
      exit 4
      $ lifeboat restore show ../../key
      ! error: the repository holds no report of \`../../key\`
      !   hint: the newest are
      !     replicate/shop/YYYYMMDD_HHMMSS
      !     fullBackup/shop/YYYY-MM-DDTHH:MM:SSZ
      !     restore/shop/YYYY-MM-DDTHH:MM:SSZ
      !     replicate/shop/YYYYMMDD_HHMMSS
      !     fullBackup/shop/YYYY-MM-DDTHH:MM:SSZ
      exit 4"
    `);
    const { id } = (await newestRestore()) ?? { id: 'none' };
    const before = await ends(['restore', 'show', id]);
    await stage.forget(id);
    await expect.poll(async () => (await ends(['restore', 'watch', id])).code, { interval: 500 }).toBe(4);
    expect(await says('restore', 'watch', id)).toMatchInlineSnapshot(`
      "$ lifeboat restore watch restore/shop/YYYY-MM-DDTHH:MM:SSZ
      ! error: Temporal knows no run \`restore/shop/YYYY-MM-DDTHH:MM:SSZ\`
      !   hint: the evidence of ended runs:
      !         \`lifeboat restore show restore/shop/YYYY-MM-DDTHH:MM:SSZ\`
      exit 4"
    `);
    expect(await ends(['restore', 'show', id])).toEqual(before);
    expect(before.stdout).toContain('committed');
  });
});

describe('the worker', () => {
  test('a cron line that is none is told with file and line, exit 2', async () => {
    const config = join(stage.folder, 'cron.yaml');
    const text = await readFile(join(stage.folder, 'lifeboat.yaml'), 'utf8');
    const others = text.replace(/^schedules: .*\n/m, '');
    await writeFile(config, `${others}schedules: { backup-full: { cron: '99 99 * * *' } }\n`);
    expect(await says('-c', config, 'worker')).toMatchInlineSnapshot(`
      "$ lifeboat -c /folder/cron.yaml worker
      ! error: /folder/cron.yaml:28: schedules.backup-full.cron: must
      !   be five cron fields (minute 0-59, hour 0-23, day 1-31, month 1-12, weekday
      !   0-7), for example \`0 2 * * *\`, not \`99 99 * * *\`
      !   hint: correct the named line and run
      !         \`lifeboat -c /folder/cron.yaml doctor\`
      exit 2"
    `);
  });

  test('once it has ended, the page and a backup say so at once', async () => {
    await worker.stop();
    const { code, stdout } = await ends([]);
    expect({ code, stdout }).toEqual({ code: 3, stdout: expect.stringContaining('! NO WORKER: ') });
    expect((await ends(['backups', 'run'])).code).toBe(9);
  });
});

/** The backup that follows a restore holds the lock. */
async function ended(): Promise<void> {
  await expect.poll(async () => json('now'), { interval: 250 }).toMatchObject({ orchestrator: { runs: [] } });
}

async function newestRestore(): Promise<{ readonly id: string } | null> {
  const now = (await json('now')) as { readonly protection: { readonly lastRestore: { readonly id: string } | null } };
  return now.protection.lastRestore;
}

async function largestPack(): Promise<[string, Buffer]> {
  const packs = join(stage.folder, 'backups/packs');
  const files = (await readdir(packs, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const all = await Promise.all(
    files.map(async ({ parentPath, name }): Promise<[string, Buffer]> => {
      const path = join(parentPath, name);
      return [path, await readFile(path)];
    }),
  );
  return all.toSorted(([, a], [, b]) => b.length - a.length)[0] ?? ['', Buffer.alloc(0)];
}

async function redisPort(): Promise<number> {
  const text = await readFile(join(stage.folder, 'redis/redis.conf'), 'utf8');
  return Number(/^port (\d+)$/m.exec(text)?.[1]);
}
