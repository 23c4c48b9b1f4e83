/** What the commands say of a repository from which somebody took things away, or in which he put some. Without a server. */
import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { layout } from '../../src/repository/layout.ts';
import { configurationOf, flip, makeStage, plant, type Stage } from '../operations/doctor/littered.ts';
import { memoryFolder, temporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts';
import { run, type Ended } from './transcript.ts';

let place: TemporaryFolder;
let template: Stage;
beforeAll(async () => {
  place = await temporaryFolder('attacked', memoryFolder());
  await mkdir(join(place.path, 'template'));
  template = await makeStage(join(place.path, 'template'), true);
});
afterAll(async () => place.remove());

async function stageFor(
  name: string,
): Promise<{ readonly stage: Stage; readonly says: (...args: string[]) => Promise<Ended> }> {
  const folder = join(place.path, name);
  await cp(template.folder, folder, { recursive: true, preserveTimestamps: true });
  const stage = { ...template, folder };
  await writeFile(join(folder, 'lifeboat.yaml'), configurationOf(stage));
  return { stage, says: async (...args) => run(args, { cwd: folder }) };
}

/** Lines that were broken for the screen, as one. */
const flat = (text: string): string => text.replaceAll(/\s+/g, ' ');

describe('a recovery point that is gone', () => {
  test('is told by list, verify, now, plan and doctor, comes back from a copy, and is told no more', async () => {
    const { stage, says } = await stageFor('gone');
    const { good, old } = stage;
    await rm(join(stage.folder, 'repository', layout.manifest(good)));
    const list = await says('backups', 'list');
    expect(list.code).toBe(3);
    expect(list.stdout).toMatch(new RegExp(`${good} .*GONE`));
    expect(flat(list.stderr)).toMatch(
      new RegExp(`${good} is gone: reports/fullBackup/.* says that it was sealed.*hint: .lifeboat backups recall ID`),
    );
    const verify = await says('verify');
    expect(verify.code).toBe(1);
    expect(flat(verify.stdout)).toMatch(new RegExp(`GONE recovery point ${good} is gone: .*recovery point ${old}: ok`));
    expect(flat((await says()).stdout)).toMatch(new RegExp(`! GONE: recovery point ${good} is gone: `));
    expect(flat((await says('restore', 'plan')).stdout)).toMatch(
      new RegExp(`passed over ${good}: recovery point ${good} is gone`),
    );
    const doctor = flat((await says('doctor')).stdout);
    expect(doctor).toMatch(new RegExp(`FAIL recovery points: recovery point ${good} is gone: `));
    expect(doctor).toContain(`FAIL location vault: recovery points: ${good}: gone from the repository, and held here`);
    expect((await says('retention', 'plan', '--place', 'repository')).stdout).toContain(
      `REFUSED: recovery point ${good}`,
    );

    expect(await says('backups', 'recall', good)).toMatchObject({
      code: 0,
      stdout: `recovery point ${good} is back\n`,
    });
    const listed = await says('backups', 'list');
    expect(listed).toMatchObject({ code: 0, stderr: '' });
    // The stage holds one point: whoever looks sees it, and why.
    const held = new RegExp(`^${old} is held by .* since .*: `, 'm');
    expect(listed.stdout).toMatch(held);
    expect((await says('backups', 'show', old)).stdout).toMatch(held);
    expect((await says('retention', 'plan', '--place', 'repository')).stdout).toMatch(
      new RegExp(`^${old} stays.*\\bheld`, 'm'),
    );
    expect(await says('verify')).toMatchObject({ code: 0, stdout: expect.stringMatching(/beside it: ok/) as string });
  });

  test('for good is told until somebody says so; so is one that somebody planted', async () => {
    const { stage, says } = await stageFor('forgotten');
    const { good } = stage;
    await rm(join(stage.folder, 'vault'), { recursive: true });
    await rm(join(stage.folder, 'repository', layout.manifest(good)));
    await plant(stage.folder, layout.manifest('20990101_000000'), '{"lifeboat":{"format":2}}');
    expect((await says('backups', 'list')).stdout).toMatch(/20990101_000000 .*DAMAGED/);
    expect(await says('backups', 'recall', good)).toMatchObject({ code: 4 });
    for (const id of [good, '20990101_000000'])
      expect(await says('backups', 'forget', id, '--reason', 'the disk is gone')).toMatchObject({ code: 0 });
    expect(await says('backups', 'list')).toMatchObject({ code: 0, stderr: '' });
    expect((await says('retention', 'plan', '--place', 'repository')).code).toBe(0);
    expect(await says('backups', 'forget', '20200101_000000', '--reason', 'x')).toMatchObject({ code: 4 });
    expect(await says('backups', 'forget', stage.old, '--reason', 'x')).toMatchObject({ code: 5 });
  });
});

test('verify without an id finds a flipped bit in whatever is stored, with --all also in what only others need', async () => {
  const { stage, says } = await stageFor('flipped');
  const report = layout.report('restore', 'x');
  await plant(stage.folder, report, 'x');
  await flip(stage.folder, 'wal/pg/7/00000001/000000010000000000000007');
  await flip(stage.folder, 'wal/pg/7/00000001/coverage.json');
  await flip(stage.folder, layout.hold(stage.old));
  const verify = await says('verify');
  expect(verify.code).toBe(1);
  const lines = verify.stdout.split('\n').filter((line) => line.startsWith('DAMAGED'));
  expect(lines.map((line) => line.replace('DAMAGED ', '')).sort()).toEqual([
    layout.hold(stage.old),
    report,
    'wal/pg/7/00000001/000000010000000000000007',
    'wal/pg/7/00000001/coverage.json',
  ]);
  expect(verify.stdout).toMatch(/^beside it: 4 damaged, /m);
  expect(verify.stdout).toMatch(new RegExp(`^recovery point ${stage.good}: ok`, 'm'));
  expect((await says('verify', stage.good)).code, 'of a point that is named').toBe(0);
  const { stdout } = await says('-o', 'json', 'backups', 'show', stage.old);
  const { backup_files: files } = JSON.parse(stdout) as { readonly backup_files: readonly { readonly path: string }[] };
  const pack = files.find(({ path }) => path.startsWith('packs/'))?.path ?? '';
  await flip(stage.folder, pack);
  expect((await says('verify')).stdout).not.toContain(pack);
  expect(flat((await says('verify', '--all')).stdout)).toContain(`DAMAGED ${pack}`);
  expect((await says('backups', 'list')).stdout, 'it is never chosen from then on').toMatch(
    new RegExp(`${stage.old} .*FAILED`),
  );
});

test('an exchanged restore.sh is told by doctor and verify, with what to do', async () => {
  const { stage, says } = await stageFor('exchanged');
  await writeFile(join(stage.folder, 'repository/restore.sh'), '#!/bin/sh\n# lifeboat-restore 1\n');
  const doctor = flat((await says('doctor')).stdout);
  expect(doctor).toMatch(
    /WARN restore\.sh: restore\.sh is not what any Lifeboat wrote .* hint: do not run it with the key/,
  );
  const verify = await says('verify');
  expect(verify.code).toBe(3);
  expect(flat(verify.stdout)).toMatch(/WARN restore\.sh is not what any Lifeboat wrote/);
});

test('init beside what a lost repository.json left is refused, with where the file lies', async () => {
  const { stage, says } = await stageFor('lost');
  await rm(join(stage.folder, 'repository/repository.json'));
  const copy = `vault (${join(stage.folder, 'vault')})`;
  for (const args of [['init'], ['backups', 'list'], ['doctor']]) {
    const { code, stdout, stderr } = await says(...args);
    expect([args, code === 0]).toEqual([args, false]);
    expect(flat(stdout + stderr)).toContain(`put its repository.json back, the same file lies in ${copy}`);
  }
  await rm(join(stage.folder, 'lifeboat.yaml'));
  const init = await says('init', '--repository', join(stage.folder, 'repository'), '--key-file', 'another');
  expect(init).toMatchObject({ code: 5, stdout: '' });
  expect(flat(init.stderr)).toContain('of a repository whose repository.json is gone; nothing was written');
  await cp(join(stage.folder, 'vault/repository.json'), join(stage.folder, 'repository/repository.json'));
  await writeFile(join(stage.folder, 'lifeboat.yaml'), configurationOf(stage));
  expect((await says('verify')).code).toBe(0);
});

test('a second appliance on the repository gets its points by name alone; one that was renamed goes on', async () => {
  const { stage, says } = await stageFor('shared');
  const { good } = stage;
  const name = async (lines: string): Promise<void> =>
    writeFile(join(stage.folder, 'lifeboat.yaml'), configurationOf(stage).replace(/^appliance: .*$/m, lines));
  await name('appliance: bank');
  const latest = await says('restore', 'plan');
  expect(latest.code).toBe(4);
  expect(flat(latest.stderr)).toMatch(new RegExp(`${good} \\(of the appliance .shop.\\).*hint: .*formerNames`));
  const named = await says('restore', 'plan', '--at', good);
  expect(named.code).toBe(0);
  expect(flat(named.stdout)).toContain(
    `ANOTHER APPLIANCE'S DATA: recovery point ${good} is of \`shop\`, and replaces what \`bank\` has`,
  );
  expect(flat((await says('doctor')).stdout)).toMatch(
    /FAIL recovery points: \d recovery points of another appliance, `shop`, .* hint: .*formerNames/,
  );
  await name('appliance: bank\nformerNames: [shop]');
  expect((await says('restore', 'plan')).stdout).toMatch(
    new RegExp(`^restore of bank from recovery point ${good}\n\n`),
  );
});
