/** Which artefact each component gives to a moment. */
import { describe, expect } from 'vitest';
import type { Appliance } from '../../../src/domain/appliance.ts';
import type { ComponentRecord } from '../../../src/domain/recovery-point.ts';
import type { RestoreGoal } from '../../../src/domain/restore/target.ts';
import { selectArtefacts } from '../../../src/operations/restore/select-artefacts.ts';
import type { Repository } from '../../../src/repository/repository.ts';
import { reserve, sealRecords } from '../../repository/backup.ts';
import { repositoryTest as test } from '../../repository/fixture.ts';
import { archiveIn, base, segment, segmentBytes } from '../wal/wal-base.ts';

const at = (clock: string): string => new Date(`2026-11-20T${clock}:00Z`).toISOString();
const to = (clock: string): RestoreGoal => ({ kind: 'time', value: at(clock) });

const rebuild = { command: ['true'], timeoutSeconds: 1 };
const appliance = {
  name: 'test',
  formerNames: [],
  components: [
    { id: 'pg', kind: 'postgres' },
    { id: 'vectors', kind: 'vectorstore', rebuild },
    { id: 'plain', kind: 'vectorstore' },
  ],
} as unknown as Appliance;
const wanted = ['pg', 'vectors'];

/** The database from 02:00 until 12:00; the vector store alone, at 10:00 and 11:00. */
async function filled(repository: Repository): Promise<{ first: string; ten: string; eleven: string }> {
  const archive = archiveIn(repository);
  const record = await base(repository, new Date(at('02:00')), 1);
  const first = await sealRecords(repository, await reserve(repository, new Date(at('02:00'))), [record]);
  for (const number of [1, 2, 3]) await archive.put(segment(1, number), Buffer.alloc(segmentBytes, 1), at('12:00'));
  await archive.putCoverage(1, { lsn: '0/400000', time: at('12:00') });
  const store = async (clock: string): Promise<string> => {
    const time = new Date(at(clock));
    const backupId = await reserve(repository, time);
    const writer = await repository.writeComponent({ backupId, componentId: 'vectors', blockSize: 65_536 });
    await writer.bytes('faiss_index.faiss', Buffer.from(clock));
    const record: ComponentRecord = {
      ...(await writer.finish()),
      id: 'vectors',
      kind: 'vectorstore',
      host: 'main',
      capturedFrom: at(clock),
      capturedUntil: at(clock),
      quiescence: 'quiesced',
      suspect: false,
      facts: {},
    };
    return (await sealRecords(repository, backupId, [record])).timestamp;
  };
  return { first: first.timestamp, ten: await store('10:00'), eleven: await store('11:00') };
}

interface Fields {
  readonly rebuild?: string[];
  readonly components?: string[];
}

const chosen = async (repository: Repository, goal: RestoreGoal, fields: Fields = {}) => {
  const { artefacts } = await selectArtefacts({
    repository,
    appliance,
    goal,
    at: 'latest',
    components: wanted,
    ...fields,
  });
  return artefacts.map(({ record, backupId, moment }) => [record.id, backupId, moment]);
};

describe('a moment', () => {
  test('D2.7: takes nothing younger than itself of what has no log', async ({ repository }) => {
    const { first, ten, eleven } = await filled(repository);
    const pg = (clock: string) => ['pg', first, at(clock)];
    expect(await chosen(repository, to('10:30'))).toEqual([pg('10:30'), ['vectors', ten, at('10:00')]]);
    expect(await chosen(repository, to('11:00'))).toEqual([pg('11:00'), ['vectors', eleven, at('11:00')]]);
  });

  test('D6.6: before every copy of a vector store it is refused, unless the application builds it anew', async ({
    repository,
  }) => {
    const { first } = await filled(repository);
    await expect(chosen(repository, to('09:59'))).rejects.toMatchObject({
      code: 'Precondition',
      message: expect.stringContaining(`the oldest is of ${at('10:00')}`) as string,
      hint: expect.stringContaining('--rebuild') as string,
    });
    expect(await chosen(repository, to('09:59'), { rebuild: ['vectors'] })).toEqual([['pg', first, at('09:59')]]);
  });

  test('D6.6: a recovery point is taken without it as well', async ({ repository }) => {
    const { first } = await filled(repository);
    const names = await chosen(repository, { kind: 'point' }, { rebuild: ['vectors'] });
    expect(names).toEqual([['pg', first, at('02:00')]]);
  });

  test('where all that was named is built anew, nothing else is restored in its place', async ({ repository }) => {
    await filled(repository);
    for (const goal of [to('11:00'), { kind: 'point' } as const])
      await expect(chosen(repository, goal, { components: ['vectors'], rebuild: ['vectors'] })).rejects.toMatchObject({
        code: 'InputInvalid',
        hint: expect.stringContaining('lifeboat restore rebuild vectors') as string,
      });
  });

  test('F6: a component that neither configuration nor any recovery point knows is refused by its name', async ({
    repository,
  }) => {
    await filled(repository);
    for (const goal of [to('11:00'), { kind: 'point' } as const])
      await expect(chosen(repository, goal, { components: ['vektors'] })).rejects.toMatchObject({
        code: 'InputInvalid',
        message: 'unknown component `vektors`',
        hint: 'configured are pg, vectors, plain',
      });
  });

  test.for([
    ['pg', 'InputInvalid', 'no vector store'],
    ['gone', 'InputInvalid', 'no vector store'],
    ['plain', 'Precondition', 'nothing says how'],
  ] as const)('%s cannot be built anew: %s', async ([id, code, message], { repository }) => {
    await filled(repository);
    await expect(chosen(repository, to('11:00'), { rebuild: [id] })).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message) as string,
    });
  });
});
