/** Which files need not be read again: by the age of their times, as the system writes back, and by their file system. */
import { lstat, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { doesWriteBack, isWrittenBack, writeBackNs } from '../../src/domain/written-back.ts';
import { createIsSettled } from '../../src/repository/writer/settled.ts';
import { memoryFolder, temporaryFolder } from '../support/temporary-folder.ts';

const second = 1_000_000_000n;

describe('how long writes to a mapped file may move no times', () => {
  test.each([
    ['what Linux is set to by default', { expire: 3000, interval: 500 }, 70n],
    ['a short interval: never less than a minute', { expire: 100, interval: 100 }, 60n],
    ['a notebook that lets its disk sleep', { expire: 60_000, interval: 60_000 }, 2400n],
    ['no answer', {}, 60n],
    ['half an answer', { expire: 60_000 }, 60n],
  ])('%s', (_, settings, expected) => {
    expect(writeBackNs(settings)).toBe(expected * second);
  });

  test('where nothing is ever written back by itself, no file is settled', () => {
    expect(writeBackNs({ expire: 3000, interval: 0 })).toBeUndefined();
    expect(isWrittenBack(0n, Date.now(), { expire: 3000, interval: 0 })).toBe(false);
  });

  test.each([
    [3, false],
    [35, false],
    [70, false],
    [71, true],
    [-5, false],
  ])('a change %i s before the read: settled %s', (age, expected) => {
    const at = Date.UTC(2026, 0, 1);
    const ctimeNs = (BigInt(at) - BigInt(age) * 1000n) * 1_000_000n;
    expect(isWrittenBack(ctimeNs, at, { expire: 3000, interval: 500 })).toBe(expected);
  });

  test.each([
    ['ext4', 0xef53, true],
    ['xfs', 0x58465342, true],
    ['btrfs', 0x9123683e, true],
    ['tmpfs', 0x01021994, false],
    ['ramfs', 0x858458f6, false],
    ['hugetlbfs', 0x958458f6, false],
    ['overlay, which may lie on tmpfs', 0x794c7630, false],
    ['FUSE, of which nothing is known', 0x65735546, false],
  ])('%s', (_, type, expected) => {
    expect(doesWriteBack(type)).toBe(expected);
  });
});

test.each([
  ['a disk', undefined],
  ['memory', memoryFolder()],
])('as this system says of a file in %s', async (_, parent) => {
  const folder = await temporaryFolder('settled', parent);
  try {
    const path = join(folder.path, 'file');
    await writeFile(path, 'content');
    const { dev, ctimeMs, ctimeNs } = await lstat(path, { bigint: true });
    const isSettled = createIsSettled();
    const afterDays = async (days: number): Promise<boolean> =>
      isSettled({ path, device: `${dev}`, ctimeNs: `${ctimeNs}`, at: Number(ctimeMs) + days * 86_400_000 });
    expect(await afterDays(0)).toBe(false);
    expect(await afterDays(30)).toBe(doesWriteBack((await statfs(path)).type));
    expect(await isSettled({ path: join(folder.path, 'gone'), device: '-1', ctimeNs: '0', at: Date.now() })).toBe(
      false,
    );
  } finally {
    await folder.remove();
  }
});
