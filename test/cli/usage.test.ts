/** Transcripts of what needs no server: usage, configuration, `init`, and everything while nothing is there. */
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../../src/dev/free-ports.ts';
import { program } from './in-process.ts';
import { makeStageFolder } from './stage-folder.ts';
import { run, transcript } from './transcript.ts';

let root: string;
beforeAll(async () => void (root = await makeStageFolder()));
afterAll(async () => rm(root, { recursive: true, force: true }));

/** A folder of its own with a lifeboat.yaml, in which a test runs its commands. */
async function folderWith(name: string, yaml?: string): Promise<string> {
  const folder = join(root, name);
  await mkdir(folder);
  if (yaml !== undefined) await writeFile(join(folder, 'lifeboat.yaml'), yaml.replaceAll('FOLDER', folder));
  return folder;
}

const shop = `appliance: shop
state: FOLDER/state
repository: { path: FOLDER/backups, reserve: 1MB, encryption: { key: { file: FOLDER/key } } }
temporal: { address: '127.0.0.1:1' }
components: { configuration: { kind: files, paths: [FOLDER/etc] } }
`;

describe.concurrent('usage', () => {
  test('an empty word is refused wherever it stands: it is not as if it had been left out', async ({
    expect: check,
  }) => {
    const cwd = await folderWith('empty-words', shop);
    for (const [args, what] of [
      [['verify', '--from', ''], '--from'],
      [['restore', 'plan', '--to-time', '', '--at', ''], '--at, --to-time'],
      [['restore', 'show', ''], 'an argument'],
      [['-c', '', 'now'], '--config'],
    ] as const) {
      const { code, stderr } = await run(args, { cwd });
      check([code, stderr.split('\n')[0]]).toEqual([2, `error: ${what} ${what.includes(',') ? 'are' : 'is'} empty`]);
    }
  });

  test('init writes nothing that could not be read again', async ({ expect: check }) => {
    const cwd = await folderWith('bad-name');
    const words = ['init', '--repository', join(cwd, 'r'), '--key-file', join(cwd, 'key'), '--appliance', 'My Shop'];
    const { code, stderr } = await run(words, { cwd });
    check([code, await readdir(cwd)]).toEqual([2, []]);
    check(stderr).toContain('nothing was written: appliance: must be');
  });

  test('a list of names that is empty chooses nothing, exit 2', async ({ expect: check }) => {
    const cwd = await folderWith('empty-lists', shop);
    for (const args of [
      ['backups', 'run', '--components', ''],
      ['restore', 'start', '--confirm', 'shop', '--components', ''],
      ['restore', 'start', '--confirm', 'shop', '--rebuild', ' '],
      ['verify', '--components', ','],
    ])
      check(await transcript(args, { cwd }), args.join(' ')).toMatch(
        /error: an option that takes a list of names was given [^]*leave the option out[^]*exit 2/,
      );
  });

  test('unknown commands, options and values are told with a hint, exit 2', async ({ expect: check }) => {
    const cwd = await folderWith('usage', shop);
    const all = await Promise.all(
      [
        ['bakcups', 'list'],
        ['backups', 'lst'],
        ['backups', 'run', '--compnents', 'configuration'],
        ['-o', 'xml', 'backups', 'list'],
        ['restore', 'abort'],
        ['backups', 'run', '--components', 'db,cache'],
        ['worker', '--only', 'storage,gpu'],
        ['restore', 'start', '--disaster-at', 'yesterday'],
        ['restore', 'start', '--confirm', 'shopp'],
      ].map(async (args) => transcript(args, { cwd })),
    );
    check(all.join('\n')).toMatchInlineSnapshot(`
      "$ lifeboat bakcups list
      ! error: unknown command \`bakcups\`
      !   hint: did you mean \`backups\`? see \`lifeboat --help\`
      exit 2
      $ lifeboat backups lst
      ! error: unknown command 'lst'
      !   (Did you mean list?)
      !   hint: see \`lifeboat backups --help\`
      exit 2
      $ lifeboat backups run --compnents configuration
      ! error: unknown option '--compnents'
      !   (Did you mean --components?)
      !   hint: see \`lifeboat backups run --help\`
      exit 2
      $ lifeboat -o xml backups list
      ! error: option '-o, --output <format>' argument 'xml' is invalid. Allowed choices
      !   are table, json.
      !   hint: see \`lifeboat --help\`
      exit 2
      $ lifeboat restore abort
      ! error: required option '--reason <text>' not specified
      !   hint: see \`lifeboat restore abort --help\`
      exit 2
      $ lifeboat backups run --components db,cache
      ! error: unknown component \`db\`, \`cache\`
      !   hint: configured are configuration
      exit 2
      $ lifeboat worker --only storage,gpu
      ! error: unknown role \`gpu\`
      !   hint: known are database, redis, files, storage, upkeep, vectorstore,
      !         inference, platform
      exit 2
      $ lifeboat restore start --disaster-at yesterday
      ! error: \`yesterday\` is not an ISO 8601 time with its zone
      !   hint: write for example YYYY-MM-DDTHH:MM:SSZ or YYYY-MM-DDTHH:MM:SS+01:00
      exit 2
      $ lifeboat restore start --confirm shopp
      ! error: --confirm \`shopp\` is not the name of this appliance; nothing was started
      !   hint: it is \`shop\`; did you take the right configuration?
      exit 5"
    `);
  });

  test('help and version are data: stdout, exit 0; a noun alone shows its commands, exit 2', async ({
    expect: check,
  }) => {
    const cwd = await folderWith('help');
    const [help, version, noun] = await Promise.all(
      [['--help'], ['--version'], ['restore']].map(async (args) => run(args, { cwd })),
    );
    check(help).toMatchObject({ code: 0, stderr: '' });
    check(version).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/), stderr: '' });
    check(noun).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('plan [options]') });
    for (const code of [
      '0 ok',
      '1 failed',
      '2 usage',
      '3 degraded',
      '4 not found',
      '9 orchestrator',
      '130 interrupted',
    ])
      check(help?.stdout).toContain(code);
  });
});

describe.concurrent('lifeboat.yaml', () => {
  test('unknown keys, wrong units and wrong values are told all at once, with file and line', async ({
    expect: check,
  }) => {
    const cwd = await folderWith(
      'values',
      `appliance: Shop!
repositry: {}
repository: { path: FOLDER/backups, reserve: 1 gig, encryption: none }
objectives: { rpo: { critical: 1 hour }, rto: { critical: 90 } }
temporal: { address: localhost }
components:
  uploads: { kind: filez, paths: [/srv] }
  configuration: { kind: files, paths: [etc], tier: gold }
  database: { kind: postgres, port: "5432" }
`,
    );
    check(await transcript(['doctor'], { cwd })).toMatchInlineSnapshot(`
      "$ lifeboat doctor
      ! error: /folder/lifeboat.yaml:1: appliance: must be a
      !   name of at most 41 lower case letters, digits and \`-\`, beginning with a
      !   letter, not \`Shop!\`
      !   /folder/lifeboat.yaml:2: repositry: unknown key
      !     \`repositry\`
      !   /folder/lifeboat.yaml:3: repository.reserve: must be a
      !     size with a unit, for example \`64MiB\` or \`500GB\`, not \`1 gig\`
      !   /folder/lifeboat.yaml:4: objectives.rpo.critical: must
      !     be a duration with a unit, for example \`90s\`, \`15m\`, \`4h\` or \`30d\`, not
      !     \`1 hour\`
      !   /folder/lifeboat.yaml:4: objectives.rto.critical: must
      !     be a duration with a unit, for example \`90s\`, \`15m\`, \`4h\` or \`30d\`, not \`90\`
      !   /folder/lifeboat.yaml:5: temporal.address: must be
      !     \`host:port\`, not \`localhost\`
      !   /folder/lifeboat.yaml:7: components.uploads.kind: must
      !     be one of \`postgres\`, \`redis\`, \`vectorstore\`, \`models\`, \`files\`, not \`filez\`
      !   /folder/lifeboat.yaml:8:
      !     components.configuration.tier: must be one of \`critical\`, \`configuration\`,
      !     \`monitoring\`, not \`gold\`
      !   /folder/lifeboat.yaml:8:
      !     components.configuration.paths.0: must be an absolute path, not \`etc\`
      !   /folder/lifeboat.yaml:9: components.database.port:
      !     must be a number, not the text \`5432\`
      !   /folder/lifeboat.yaml:9:
      !     components.database.dataDirectory: is required: an absolute path
      !   hint: correct the named line and run \`lifeboat doctor\`
      exit 2"
    `);
  });

  test('every cycle and every dangling dependency is told at once; no command begins on it', async ({
    expect: check,
  }) => {
    const service = 'start: [a], stop: [b], isRunning: [c]';
    const cwd = await folderWith(
      'graph',
      `appliance: shop
repository: { path: FOLDER/backups, encryption: none }
services:
  db: { dependsOn: [cache], ${service} }
  cache: { dependsOn: [db, queue], ${service} }
  app: { dependsOn: [web], ${service} }
  web: { dependsOn: [app], ${service} }
components:
  configuration: { kind: files, paths: [/etc/shop], services: [nginx] }
`,
    );
    const commands = [
      [],
      ['worker'],
      ['init'],
      ['backups', 'run'],
      ['restore', 'plan'],
      ['verify'],
      ['backups', 'list'],
    ];
    const [first = '', ...others] = await Promise.all(commands.map(async (args) => transcript(args, { cwd })));
    check(first).toMatchInlineSnapshot(`
      "$ lifeboat
      ! error: /folder/lifeboat.yaml:4: services.db: dependsOn
      !   has a cycle: db → cache → db
      !   /folder/lifeboat.yaml:5: services.cache.dependsOn:
      !     names the unknown service \`queue\`
      !   /folder/lifeboat.yaml:6: services.app: dependsOn has a
      !     cycle: app → web → app
      !   /folder/lifeboat.yaml:9:
      !     components.configuration.services: names the unknown service \`nginx\`
      !   hint: correct the named line and run \`lifeboat doctor\`
      exit 2"
    `);
    const rest = (text: string): string => text.slice(text.indexOf('\n'));
    check(others.map(rest)).toEqual(others.map(() => rest(first)));
  });

  test('a file that is missing, a folder, empty or no YAML is told as that', async ({ expect: check }) => {
    const cwd = await folderWith('files');
    await writeFile(join(cwd, 'empty.yaml'), '');
    await writeFile(join(cwd, 'broken.yaml'), 'appliance: shop\ncomponents: [\n');
    const all = await Promise.all(
      [[], ['-c', cwd], ['-c', 'empty.yaml'], ['-c', 'broken.yaml']].map(async (args) =>
        transcript([...args, 'doctor'], { cwd }),
      ),
    );
    check(all.join('\n')).toMatchInlineSnapshot(`
      "$ lifeboat doctor
      ! error: cannot read the configuration
      !   \`/folder/lifeboat.yaml\`: ENOENT
      !   hint: write one with \`lifeboat init\`, or name it with --config FILE
      exit 4
      $ lifeboat -c /folder doctor
      ! error: cannot read the configuration \`/folder\`: EISDIR
      !   hint: it is a folder: name the file
      exit 2
      $ lifeboat -c empty.yaml doctor
      ! error: /folder/empty.yaml:1: appliance: is required: a
      !   name of at most 41 lower case letters, digits and \`-\`, beginning with a letter
      !   /folder/empty.yaml:1: repository: is required: a map
      !     with at least \`path\` and \`encryption\`
      !   /folder/empty.yaml:1: components: is required: a map of
      !     components by id
      !   hint: correct the named line and run \`lifeboat -c empty.yaml doctor\`
      exit 2
      $ lifeboat -c broken.yaml doctor
      ! error: /folder/broken.yaml:3: Flow sequence in block
      !   collection must be sufficiently indented and end with a ]
      !   hint: correct the named line and run \`lifeboat -c broken.yaml doctor\`
      exit 2"
    `);
  });
});

describe.concurrent('init', () => {
  test('writes what is missing and prints the recovery kit, on stdout alone; again it writes nothing', async ({
    expect: check,
  }) => {
    const cwd = await folderWith('init');
    const init = ['init', '--repository', `${cwd}/backups`, '--key-file', `${cwd}/secrets/key`, '--appliance', 'shop'];
    check(await transcript(init, { cwd })).toMatchInlineSnapshot(`
      "$ lifeboat init --repository /folder/backups --key-file /folder/secrets/key --appliance shop
      LIFEBOAT RECOVERY KIT

      repository  <repository id>
      location  local:/folder/backups
      created  YYYY-MM-DDTHH:MM:SSZ
      restore.sh  <sha-256>

      This key opens every recovery point. Without a key nobody can, also not the
      makers of Lifeboat. Print this page or put it into a safe that does not burn
      with the machine. Do not keep it only beside the backups.

      --- key begins ---
      xxxx-xxxx-xxxx-xxxx-xxxx
      xxxx-xxxx-xxxx-xxxx-xxxx
      xxxx-xxxx-xxxx-xxxx-xxxx
      xxxx-xxxx-xxxx-xxxx-xxxx
      --- key ends ---

      To restore on a new machine:
        1. Mount or copy the repository.
        2. With Lifeboat: put the key (the four lines) into a file, name the file in
           lifeboat.yaml under repository.encryption, then
           \`lifeboat restore plan --at latest\`.
        3. Without Lifeboat: RESTORE.md in the repository; \`sh restore.sh\` needs jq,
           zstd and openssl 3. Give it the key only if \`sha256sum restore.sh\` shows
           the sum above, or the one that \`lifeboat doctor\` showed last: a newer
           Lifeboat writes a newer restore.sh.
      Try it today: \`lifeboat doctor\` reminds you until this kit has opened the
      repository once.
      ! wrote a new key to /folder/secrets/key
      ! wrote /folder/lifeboat.yaml: check every path in it
      ! created the repository <repository id> in
      !   /folder/backups
      !
      ! next: lifeboat doctor
      exit 0"
    `);
    const before = await Promise.all(['lifeboat.yaml', 'secrets/key'].map(async (name) => readFile(join(cwd, name))));
    check(await transcript(init, { cwd })).toMatchInlineSnapshot(`
      "$ lifeboat init --repository /folder/backups --key-file /folder/secrets/key --appliance shop
      ! uses the configuration /folder/lifeboat.yaml
      ! error: /folder/lifeboat.yaml and the repository in
      !   /folder/backups exist already; nothing was written
      !   hint: check them with \`lifeboat doctor\`; for another appliance name another
      !         file with --config
      exit 5"
    `);
    check(await Promise.all(['lifeboat.yaml', 'secrets/key'].map(async (name) => readFile(join(cwd, name))))).toEqual(
      before,
    );
    // A new machine: the repository is there, the configuration is not, and the key comes from the kit.
    await rm(join(cwd, 'lifeboat.yaml'));
    check(await transcript(init, { cwd })).toMatchInlineSnapshot(`
      "$ lifeboat init --repository /folder/backups --key-file /folder/secrets/key --appliance shop
      ! uses the repository <repository id> in
      !   /folder/backups
      ! wrote /folder/lifeboat.yaml: check every path in it
      ! next: lifeboat doctor
      exit 0"
    `);
    await rm(join(cwd, 'lifeboat.yaml'));
    await rm(join(cwd, 'secrets/key'));
    check(await transcript(init, { cwd })).toMatchInlineSnapshot(`
      "$ lifeboat init --repository /folder/backups --key-file /folder/secrets/key --appliance shop
      ! error: there is a repository in /folder/backups already,
      !   and no key in /folder/secrets/key; nothing was written
      !   hint: write the key of its recovery kit (the four lines) into that file and
      !         run this again, or name another folder with --repository
      exit 5"
    `);
  });

  test('a place that cannot be written is named with what to do', async ({ expect: check }) => {
    const cwd = await folderWith('denied');
    await writeFile(join(cwd, 'file'), '');
    const init = ['init', '--repository', `${cwd}/file/backups`, '--no-encryption'];
    check(await transcript(init, { cwd })).toMatchInlineSnapshot(`
      "$ lifeboat init --repository /folder/file/backups --no-encryption
      ! error: cannot write \`/folder/file/backups\`: ENOTDIR
      !   hint: choose another place with --config, --key-file or --repository, or run
      !         as root
      exit 5"
    `);
  });
});

describe.concurrent('with Temporal dead', () => {
  test('what needs no run works, what needs one ends with 9 and says so', async ({ expect: check }) => {
    const cwd = await folderWith('dead', shop.replace('127.0.0.1:1', `127.0.0.1:${await freePort()}`));
    await mkdir(join(cwd, 'etc'));
    await writeFile(join(cwd, 'etc/app.conf'), 'x');
    check(await transcript(['backups', 'list'], { cwd })).toMatchInlineSnapshot(`
      "$ lifeboat backups list
      ! error: there is no repository in local:/folder/backups:
      !   repository.json is absent
      !   hint: create it with \`lifeboat init\`, or mount the disk
      exit 4"
    `);
    check((await run(['init'], { cwd })).code).toBe(0);
    const all = await Promise.all(
      [
        [],
        ['doctor'],
        ['backups', 'list'],
        ['backups', 'show'],
        ['verify'],
        ['restore', 'plan'],
        ['restore', 'show'],
        ['worker'],
        ['-c', 'lifeboat.yaml', 'backups', 'run'],
        ['restore', 'start', '--confirm', 'shop'],
        ['restore', 'watch'],
        ['restore', 'abort', '--reason', 'x'],
      ].map(async (args) => transcript(args, { cwd })),
    );
    check(all.join('\n')).toMatchInlineSnapshot(`
      "$ lifeboat
      shop  YYYY-MM-DDTHH:MM:SSZ  2 problems
      ! TEMPORAL DOES NOT ANSWER: nothing is backed up and no run moves
      ! UNPROTECTED: there is no recovery point yet

      COMPONENT  NEWEST COPY  AGE  RPO
      configuration  none  <time>  BREACHED

      next:
        lifeboat doctor
      ! error: Temporal does not answer at 127.0.0.1:PORT
      !   hint: start it, correct temporal.address in lifeboat.yaml, or let a run bring
      !         a server of its own, as \`lifeboat --standalone restore start\` does;
      !         \`lifeboat backups list\`, \`verify\` and \`restore plan\` need none
      exit 9
      $ lifeboat doctor
      ok  repository: local:/folder/backups, id
           <repository id>, encrypted
      ok  disk space: <size> of <size> free
      ok  clock: <time> from the storage's
      ok  restore.sh: as written by Lifeboat, SHA-256
           <sha-256>
      ok  configuration: /folder/etc: readable, and can be
           exchanged
      WARN configuration: notify names no channel: failed backups tell nobody
      WARN recovery kit: was never tried: nobody knows whether the printed key opens
           this repository
           hint: type it into a file and run \`lifeboat doctor --try-recovery-kit FILE\`
      WARN recovery points: there is none yet
           hint: run \`lifeboat backups run\`
      FAIL off-host copies: there is no location: the loss of this host would take
           every recovery point with it
           hint: add an S3 bucket under \`locations\` in lifeboat.yaml
                 (docs/configuration.md)
      FAIL temporal: Temporal does not answer at 127.0.0.1:PORT
           hint: start it, correct temporal.address in lifeboat.yaml, or let a run
                 bring a server of its own, as \`lifeboat --standalone restore start\`
                 does; \`lifeboat backups list\`, \`verify\` and \`restore plan\` need none
      5 ok, 3 warnings, 2 failures
      exit 1
      $ lifeboat backups list
      ! no recovery point yet; make one with \`lifeboat backups run\`
      exit 0
      $ lifeboat backups show
      ! error: there is no recovery point in local:/folder/backups
      !   hint: make one with \`lifeboat backups run\`
      exit 4
      $ lifeboat verify
      ! error: there is no recovery point in local:/folder/backups
      !   hint: make one with \`lifeboat backups run\`
      exit 4
      $ lifeboat restore plan
      ! error: no usable recovery point in local:/folder/backups:
      !   there is none
      !   hint: make one with \`lifeboat backups run\`
      exit 4
      $ lifeboat restore show
      ! error: the repository holds no report of a restore
      !   hint: no restore has ended yet; a running one: \`lifeboat restore watch\`
      exit 4
      $ lifeboat worker
      ! connects to Temporal at 127.0.0.1:PORT …
      ! error: Temporal does not answer at 127.0.0.1:PORT
      !   hint: start it, correct temporal.address in lifeboat.yaml, or let a run bring
      !         a server of its own, as \`lifeboat --standalone restore start\` does;
      !         \`lifeboat backups list\`, \`verify\` and \`restore plan\` need none
      exit 9
      $ lifeboat -c lifeboat.yaml backups run
      ! error: Temporal does not answer at 127.0.0.1:PORT
      !   hint: start it, correct temporal.address in lifeboat.yaml, or let a run bring
      !         a server of its own, as \`lifeboat --standalone restore start\` does;
      !         \`lifeboat -c lifeboat.yaml backups list\`, \`verify\` and \`restore plan\`
      !         need none
      exit 9
      $ lifeboat restore start --confirm shop
      ! error: Temporal does not answer at 127.0.0.1:PORT
      !   hint: start it, correct temporal.address in lifeboat.yaml, or let a run bring
      !         a server of its own, as \`lifeboat --standalone restore start\` does;
      !         \`lifeboat backups list\`, \`verify\` and \`restore plan\` need none
      exit 9
      $ lifeboat restore watch
      ! error: Temporal does not answer at 127.0.0.1:PORT
      !   hint: start it, correct temporal.address in lifeboat.yaml, or let a run bring
      !         a server of its own, as \`lifeboat --standalone restore start\` does;
      !         \`lifeboat backups list\`, \`verify\` and \`restore plan\` need none
      exit 9
      $ lifeboat restore abort --reason x
      ! error: Temporal does not answer at 127.0.0.1:PORT
      !   hint: start it, correct temporal.address in lifeboat.yaml, or let a run bring
      !         a server of its own, as \`lifeboat --standalone restore start\` does;
      !         \`lifeboat backups list\`, \`verify\` and \`restore plan\` need none
      exit 9"
    `);
  });
});

test('a reader that has seen enough ends no command: `| head` leaves exit code and stderr as they are', async () => {
  const cwd = await folderWith('pipe', shop);
  expect((await run(['init'], { cwd })).code).toBe(0);
  const whole = await run(['doctor'], { cwd });
  const child = spawn(process.execPath, [program, 'doctor'], { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  // Closed before the first line: every write meets a broken pipe.
  child.stdout.destroy();
  const [code] = (await once(child, 'close')) as [number];
  expect({ code, stderr }).toEqual({ code: whole.code, stderr: '' });
});
