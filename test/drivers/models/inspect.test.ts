import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { createModelsDriver } from '../../../src/drivers/models/driver.ts';
import { createProcessTarget } from '../../../src/platform/process/process-target.ts';
import { writeTinyModel } from '../../inference/tiny-model.ts';
import { doctored, faults, inspected, type Changes } from '../../support/doctored.ts';
import { folderTest as test } from '../../support/folder-test.ts';
import { makeBench } from '../folder/restore-bench.ts';

const model = 'embedding/tiny.gguf';

test('D2.7: a stored model is proven from its header, whole or with each fault named', async ({ folder }) => {
  const live = join(folder, 'models');
  await mkdir(join(live, 'embedding'), { recursive: true });
  await writeTinyModel(join(live, model));
  await writeFile(join(live, 'README'), 'models of the test\n');
  const bench = await makeBench(folder);
  const { repository } = bench;
  const config = {
    id: 'models',
    kind: 'models',
    host: 'main',
    tier: 'critical',
    priority: 2,
    services: [],
    path: live,
    memoryLimit: 256 * 2 ** 20,
  } as const;
  const driver = createModelsDriver(config, {
    target: createProcessTarget(),
    stateDir: '/nowhere',
    secret: async () => undefined,
  });
  try {
    const record = await bench.capture(driver);
    await rm(live, { recursive: true });
    expect(await inspected(driver, repository, record)).toEqual([
      {
        component: 'models',
        name: `file \`${model}\``,
        expected: 'a whole model of bert',
        actual: 'a whole model of bert',
        ok: true,
      },
    ]);
    const cases: readonly [changes: Changes, fault: RegExp][] = [
      [{ [model]: (whole) => whole.subarray(0, -1000) }, /its tensor table needs \d+: it is truncated$/],
      [{ [model]: (whole) => whole.subarray(0, 300) }, /its header breaks off at byte 300$/],
      [{ [model]: () => Buffer.from('<html>') }, /it does not begin with GGUF$/],
      // A length that no real header has must not be believed, nor bought memory for.
      [{ [model]: claimKeyOf(2 ** 40) }, /its header (breaks off|has a text of)/],
      [{ [model]: 'absent' }, /: absent$/],
      [{ 'other.gguf': () => Buffer.from('GGUF') }, /^models: file `other\.gguf`: one that it did not$/],
      [{ '.lifeboat/facts.json': parts }, /^models: file `big-00002-of-00002\.gguf`: absent$/],
    ];
    for (const [changes, fault] of cases) {
      const found = await faults(driver, repository, await doctored(repository, record, changes));
      expect(found).toContainEqual(expect.stringMatching(fault));
      expect(found.every((text) => text.startsWith('models: file `'))).toBe(true);
    }
  } finally {
    await repository.close();
  }
});

/** magic 4, version 4, tensors 8, metadata entries 8, then the length of the first key */
function claimKeyOf(bytes: number): (whole: Buffer) => Buffer {
  return (whole) => {
    const other = Buffer.from(whole);
    other.writeBigUInt64LE(BigInt(bytes), 24);
    return other;
  };
}

/** As if a model in two parts had been captured, of which one is gone. */
function parts(facts: Buffer): Buffer {
  const parsed = JSON.parse(facts.toString()) as { models: object[] };
  return Buffer.from(
    JSON.stringify({ ...parsed, models: [{ path: 'big-00001-of-00002.gguf', architecture: 'bert' }] }),
  );
}
