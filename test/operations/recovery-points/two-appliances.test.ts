/** Two hosts of one image write into one repository. */
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { expect } from 'vitest';
import type { Dependencies } from '../../../activities/dependencies.ts';
import { createStorageActivities } from '../../../activities/recovery-points.ts';
import type { Appliance } from '../../../src/domain/appliance.ts';
import type { RestoreGoal } from '../../../src/domain/restore/target.ts';
import { selectArtefacts } from '../../../src/operations/restore/select-artefacts.ts';
import { pointFindings } from '../../../src/operations/doctor/recovery-points.ts';
import { newestRecord } from '../../../src/operations/backup/find-record.ts';
import { copiesOf } from '../../../src/operations/rpo/coverage.ts';
import { applyRetention, planRetention } from '../../../src/operations/retention/retention.ts';
import { walBases } from '../../../src/operations/wal/continuity.ts';
import type { Repository } from '../../../src/repository/repository.ts';
import { backUp, reserve, sealRecords, testKey, type Backup } from '../../repository/backup.ts';
import { repositoryTest } from '../../repository/fixture.ts';
import { base, limits } from '../wal/wal-base.ts';

const time = (clock: string): Date => new Date(`2026-11-20T${clock}:00Z`);
const latest: RestoreGoal = { kind: 'latest' };

function applianceOf(name: string, formerNames: string[] = []): Appliance {
  const components = [{ id: 'files', kind: 'files' }];
  return { name, formerNames, components } as unknown as Appliance;
}

interface Shared {
  /** As the host `a` opens it, or the one that is given. */
  readonly as: (name?: string, formerNames?: string[]) => Promise<Repository>;
  readonly own: Backup;
  readonly other: Backup;
}

/** A point of `a`, and a newer one of `b`, of a component that both have. */
const test = repositoryTest.extend<{ shared: Shared }>({
  shared: async ({ repository, storage, open }, use) => {
    const seal = async (appliance: string, clock: string) =>
      backUp(repository, async (writer) => writer.bytes('a', Buffer.from(appliance)), {
        time: time(clock),
        appliance,
      });
    const own = await seal('a', '01:00');
    const other = await seal('b', '02:00');
    await use({
      as: async (name = 'a', formerNames = []) => open(storage, testKey, { owner: applianceOf(name, formerNames) }),
      own,
      other,
    });
  },
});

test('the newest is the newest own point, everywhere', async ({ shared: { as, own, other } }) => {
  const repository = await as();
  for (const selector of ['latest', 'newest'])
    expect((await repository.findManifest(selector)).timestamp, selector).toBe(own.id);
  expect((await (await as('b')).findManifest('latest')).timestamp).toBe(other.id);
  expect(await newestRecord(repository, 'files')).toEqual(own.record);
  const { newest, components } = await copiesOf(repository, applianceOf('a'), new Date());
  expect([newest, components[0]?.backupId]).toEqual([own.id, own.id]);
  await expect((await as('c')).findManifest('latest')).rejects.toMatchObject({
    code: 'NotFound',
    message: expect.stringContaining(`${other.id} (of the appliance \`b\`)`) as string,
    hint: expect.stringContaining('formerNames') as string,
  });
});

test('a restore takes the point of another appliance only by its whole id', async ({ shared: { as, own, other } }) => {
  const repository = await as();
  const choose = async (at: string, goal: RestoreGoal = { kind: 'point' }) =>
    selectArtefacts({ repository, appliance: applianceOf('a'), goal, at, components: [] });
  expect(await choose('latest')).toMatchObject({ backupId: own.id });
  expect(await choose('latest')).not.toHaveProperty('foreign');
  expect((await choose('latest', latest)).backupId).toBe(own.id);
  await expect(choose(other.id.slice(0, -1))).rejects.toMatchObject({
    code: 'Precondition',
    message: `recovery point ${other.id} is of the appliance \`b\`, not of \`a\``,
  });
  expect(await choose(other.id)).toMatchObject({ backupId: other.id, foreign: 'b' });
});

test('a database is taken to a moment from own bases alone', async ({ repository, shared: { as } }) => {
  const record = await base(repository, time('03:00'), 1);
  const id = await reserve(repository, time('03:00'));
  await sealRecords(repository, id, [record], [], 'full', 'b');
  const here = await as();
  expect(await walBases(here, 'pg')).toEqual([]);
  expect(await walBases(await as('b'), 'pg')).toHaveLength(1);
  const components = [{ id: 'pg', kind: 'postgres' }] as unknown as Appliance['components'];
  const appliance = { ...applianceOf('a'), components };
  await expect(
    selectArtefacts({ repository: here, appliance, goal: latest, at: id, components: [] }),
  ).rejects.toMatchObject({ code: 'Precondition', message: expect.stringContaining('of the appliance `b`') as string });
});

/** As the activity of every kind of backup does it before anything is captured. */
async function begin(repository: Repository, appliance: Appliance, path: string): Promise<unknown> {
  const config = { ...appliance, repository: { path, reserveBytes: 0 } };
  const driver = async () => ({ estimate: async () => ({ bytes: 0 }) });
  const deps = { repository: async () => repository, driver, appliance: config } as unknown as Dependencies;
  const at = time('04:00').toISOString();
  return new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR', () => {}) }).run(async () =>
    createStorageActivities(deps).beginBackup({ owner: appliance.name, at }),
  );
}

test('a backup begins where the newest point is own, or of a former name', async ({
  folder,
  shared: { as, other },
}) => {
  await expect(begin(await as(), applianceOf('a'), folder)).rejects.toMatchObject({
    type: 'Precondition',
    nonRetryable: true,
    message: expect.stringContaining(`${other.id}, is of the appliance \`b\`, and this one is \`a\``) as string,
    details: [{ hint: expect.stringContaining('formerNames') as string }],
  });
  await begin(await as('b'), applianceOf('b'), folder);
  await begin(await as('c', ['b']), applianceOf('c', ['b']), folder);
});

test('retention removes nothing beside points of another appliance, and doctor tells it', async ({
  shared: { as, other },
}) => {
  const options = async (repository: Repository) => {
    const now = await repository.storage.now();
    return { repository, limits, holds: [], capacityBytes: 1e9, now, maxShare: 1 };
  };
  const text = `1 recovery point of another appliance, \`b\`, in this one's repository: ${other.id}`;
  const shared = await options(await as());
  expect((await planRetention(shared)).refusals).toEqual([expect.stringContaining(text)]);
  const signal = new AbortController().signal;
  await expect(applyRetention({ ...shared, holder: 'test', signal })).rejects.toMatchObject({ code: 'Precondition' });
  expect(await pointFindings(shared.repository, new Map())).toMatchObject([{ level: 'fail', text }]);
  const renamed = await options(await as('b', ['a']));
  expect((await planRetention(renamed)).refusals).toEqual([]);
  expect(await pointFindings(renamed.repository, new Map())).toMatchObject([{ level: 'ok' }]);
});
