import { createServer } from 'node:net';
import { once } from 'node:events';
import { link, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ComponentRecord } from '../../../src/domain/recovery-point.ts';
import type { Driver } from '../../../src/drivers/driver.ts';
import { composeReferences, isComposeFile } from '../../../src/drivers/files/compose-references.ts';
import { createFilesDriver } from '../../../src/drivers/files/driver.ts';
import { factsPath, type FilesFacts } from '../../../src/drivers/files/facts.ts';
import { followLinks } from '../../../src/drivers/files/follow-links.ts';
import { createProcessTarget } from '../../../src/platform/process/process-target.ts';
import type { Repository } from '../../../src/repository/repository.ts';
import { capture, makeRepository } from '../../contracts/driver-fixture.ts';
import { doctored, faults, inspected, type Changes } from '../../support/doctored.ts';
import { temporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.ts';

let folder: TemporaryFolder;
let repository: Repository;
let live: string;
beforeEach(async () => {
  folder = await temporaryFolder('files');
  repository = await makeRepository(join(folder.path, 'repository'));
  live = join(folder.path, 'live');
});
afterEach(async () => {
  await repository.close();
  await folder.remove();
});

const compose = `
x-common: &common
  env_file: [.env, { path: ./extra.env, required: true }, { path: missing.env, required: false }]
services:
  app:
    <<: *common
    volumes:
      - ./data:/data
      - ./nginx/nginx.conf:/etc/nginx/nginx.conf:ro
      - cache:/cache
      - type: bind
        source: ./rules
        target: /rules
      - /var/run/docker.sock:/var/run/docker.sock
      - ../elsewhere:/elsewhere
      - \${DATA_DIR}/x:/x
    configs: [site]
    labels: !reset []
configs:
  site: { file: ./site.conf }
secrets:
  key: { file: ./ssl/companion.key }
  other: { environment: OTHER }
volumes: { cache: {} }
`;

async function write(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(live, path)), { recursive: true });
    await writeFile(join(live, path), content);
  }
}

const whole = {
  'docker-compose.yml': compose,
  '.env': 'KEY=canary\n',
  'extra.env': 'X=1\n',
  'data/rows': '1',
  'nginx/nginx.conf': 'events {}',
  'rules/alerts.yml': 'groups: []',
  'site.conf': 'site',
  'ssl/companion.key': 'key',
};

function driverOf(paths: readonly string[] = [live], exclude: readonly string[] = []): Driver {
  return createFilesDriver(
    {
      id: 'configuration',
      kind: 'files',
      host: 'main',
      tier: 'configuration',
      priority: 1,
      services: [],
      paths,
      exclude,
    },
    { target: createProcessTarget(), stateDir: '/nowhere', secret: async () => undefined },
  );
}

/** The faults of a good point with these changes; paths are relative to the live folder. */
async function faultsWith(record: ComponentRecord, changes: Changes): Promise<string[]> {
  const within = Object.entries(changes).map(
    ([path, change]) => [path === factsPath ? path : `${live.slice(1)}/${path}`, change] as const,
  );
  const found = await faults(driverOf(), repository, await doctored(repository, record, Object.fromEntries(within)));
  return found.map((text) => text.replaceAll(live, '').replace(/^configuration: /, ''));
}

describe('X11: a stored set of files is complete in itself', () => {
  test('what a compose file names is there, or is named with the place that names it', async () => {
    await write(whole);
    const record = await capture(driverOf(), repository);
    await rm(live, { recursive: true });
    const good = await inspected(driverOf(), repository, record);
    expect(good.filter(({ ok }) => !ok)).toEqual([]);
    expect(good).toContainEqual(
      expect.objectContaining({ name: 'links and references', actual: '7 lead to what is captured' }),
    );

    const cases: readonly [lost: string, place: string][] = [
      ['.env', 'services.app.env_file'],
      ['extra.env', 'services.app.env_file'],
      ['nginx/nginx.conf', 'services.app.volumes'],
      ['site.conf', 'configs.site'],
      ['ssl/companion.key', 'secrets.key'],
    ];
    for (const [lost, place] of cases) {
      expect(await faultsWith(record, { [lost]: 'absent' })).toContain(
        `file \`/docker-compose.yml\`: ${place}: file \`/${lost}\` is not`,
      );
    }
    const gone = await faultsWith(record, { rules: 'absent', 'rules/alerts.yml': 'absent' });
    expect(gone).toContain('file `/docker-compose.yml`: services.app.volumes: file `/rules` is not');
  });

  test.each([
    ['not JSON', 'x'],
    ['no object', 'null'],
    ['without the list `paths`', '{"rows":"12"}'],
    ['without the list `exclude`', '{"paths":["/a"],"exclude":"/b"}'],
  ])('facts of another writer that are none are told in words: %s', async (actual, text) => {
    await write(whole);
    const changes = { [factsPath]: () => Buffer.from(text) };
    expect(await faultsWith(await capture(driverOf(), repository), changes)).toEqual([
      `file \`${factsPath}\`: ${actual}`,
    ]);
  });

  test('an `.env` that was never captured is missed even if the configuration leaves it out; a data folder is not', async () => {
    await write(whole);
    const driver = driverOf([live], ['.env', 'data']);
    const found = await faults(driver, repository, await capture(driver, repository));
    expect(found).toEqual([
      `configuration: file \`${live}/docker-compose.yml\`: services.app.env_file: file \`${live}/.env\` is not`,
      'configuration: links and references: 5 lead to what is captured',
    ]);
  });

  test('a compose file that is no YAML proves nothing, and is named', async () => {
    await write({ 'compose.yaml': 'services: [' });
    expect(await faults(driverOf(), repository, await capture(driverOf(), repository))).toEqual([
      `configuration: file \`${live}/compose.yaml\`: not YAML`,
    ]);
  });

  test('every configured path, every counted entry and every link is there, or named', async () => {
    await write({ 'etc/app.conf': 'a', 'etc/sub/b.conf': 'b' });
    await symlink('../etc/app.conf', join(live, 'etc', 'alias'));
    await symlink(join(live, 'etc', 'sub'), join(live, 'folder'));
    await link(join(live, 'etc', 'app.conf'), join(live, 'etc', 'second'));
    const record = await capture(driverOf(), repository);
    expect(await faults(driverOf(), repository, record)).toEqual([]);

    const lost = await faultsWith(record, { 'etc/app.conf': 'absent' });
    expect(lost).toEqual([
      'entries of the index: 1 files, 3 folders, 3 links',
      'hard link `/etc/second`: file `/etc/app.conf` is not',
      'link `/etc/alias`: file `/etc/app.conf` is not',
      'links and references: 1 lead to what is captured',
    ]);
    const facts = (change: (facts: FilesFacts) => FilesFacts) => (content: Buffer) =>
      Buffer.from(JSON.stringify(change(JSON.parse(content.toString()) as FilesFacts)));
    expect(
      await faultsWith(record, { [factsPath]: facts((all) => ({ ...all, paths: [...all.paths, '/etc/other'] })) }),
    ).toEqual(['path /etc/other: absent']);
    const strangers = await faultsWith(record, { [factsPath]: facts((all) => ({ ...all, paths: [`${live}/etc`] })) });
    expect(strangers).toContain('file `/folder`: outside of them');
    expect(await faultsWith(record, { [factsPath]: 'absent' })).toEqual([`file \`${factsPath}\`: absent`]);
  });

  test('links that led nowhere at the capture, to something left out, to a socket or in a circle are no faults', async () => {
    await write({ plain: '1', 'cache/x': '2' });
    await symlink('nowhere', join(live, 'dangling'));
    await symlink('cache/x', join(live, 'to-excluded'));
    await symlink('/etc/hostname', join(live, 'outside'));
    await symlink('circle-b', join(live, 'circle-a'));
    await symlink('circle-a', join(live, 'circle-b'));
    const server = createServer().listen(join(live, 'socket'));
    await once(server, 'listening');
    await symlink('socket', join(live, 'to-socket'));
    try {
      const driver = driverOf([live], ['cache']);
      expect(await faults(driver, repository, await capture(driver, repository))).toEqual([]);
    } finally {
      server.close();
    }
  });
});

test.each([
  ['/a/b', '/a/b'],
  ['/link/x', '/real/x'],
  ['/deep/up', '/x'],
  ['/chain/f', '/real/f'],
  ['/../a', '/a'],
  ['/loop/x', undefined],
])('%s leads to %s', (path, target) => {
  const links = new Map([
    ['/link', 'real'],
    ['/deep/up', '../x'],
    ['/chain', '/link/'],
    ['/loop', './loop'],
  ]);
  expect(followLinks(path, links)).toBe(target);
});

test('compose files are known by their names, and a hostile one unfolds to nothing', () => {
  for (const name of ['compose.yaml', 'docker-compose.yml', 'docker-compose.override.yml', 'docker-compose-prod.yaml'])
    expect(isComposeFile(`/srv/${name}`), name).toBe(true);
  for (const name of ['composer.yml', 'my-compose.yml', 'docker-compose.yml.bak', 'compose'])
    expect(isComposeFile(`/srv/${name}`), name).toBe(false);
  const bomb = `a: &a [x,x,x,x,x,x,x,x,x,x]\n${'bcdefgh'.replaceAll(/./g, (name) => `${name}: &${name} [${`*${String.fromCharCode(name.charCodeAt(0) - 1)},`.repeat(10)}]\n`)}`;
  expect(composeReferences(bomb, '/srv/compose.yaml')).toBeUndefined();
  expect(composeReferences('', '/srv/compose.yaml')).toEqual([]);
  expect(
    composeReferences(
      'include: [a.yml, { path: [b.yml] }]\nservices: { x: { extends: { file: c.yml } } }',
      '/srv/compose.yaml',
    ),
  ).toEqual([
    { at: 'services.x.extends', path: '/srv/c.yml', kind: 'file' },
    { at: 'include', path: '/srv/a.yml', kind: 'file' },
    { at: 'include', path: '/srv/b.yml', kind: 'file' },
  ]);
});
