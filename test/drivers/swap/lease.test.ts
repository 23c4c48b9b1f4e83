/** Who holds live data where no process can be looked at: only the heartbeat tells, and clocks take no part. */
import { readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { withLease, type LeaseRequest } from '../../../src/drivers/swap/lease.ts';
import { folderTest as test } from '../../support/folder-test.ts';
import { component, token } from './fixture.ts';

const year = 365 * 86_400_000;
const leaseMs = 100;
const request = (anchor: string, attempt: number): LeaseRequest => ({
  component,
  anchor,
  token: token(attempt),
  tuning: { leaseMs, waitMs: 4 * leaseMs },
});

/** As the holder of another host left it. */
async function plant(anchor: string, changes: object): Promise<string> {
  await withLease(request(anchor, 1), async () => undefined);
  const [name = ''] = await readdir(anchor);
  const file = join(anchor, name);
  const content = JSON.parse(await readFile(file, 'utf8')) as { readonly holder: object };
  await writeFile(file, JSON.stringify({ ...content, holder: { ...content.holder, host: 'another' }, ...changes }));
  return file;
}

test('a heartbeat that stands still for one lease is over, however far ahead or behind its time is', async ({
  folder,
}) => {
  for (const ahead of [year, -year]) {
    const anchor = join(folder, `${ahead}`);
    const time = new Date(Date.now() + ahead);
    await utimes(await plant(anchor, {}), time, time);
    const begun = performance.now();
    expect(await withLease(request(anchor, 2), async () => 'taken')).toBe('taken');
    expect(performance.now() - begun).toBeGreaterThanOrEqual(leaseMs);
  }
});

test('a heartbeat that goes on holds, also by a clock that is a year behind or ahead', async ({ folder }) => {
  for (const ahead of [year, -year]) {
    const anchor = join(folder, `${ahead}`);
    const file = await plant(anchor, {});
    const beat = async (): Promise<void> => {
      const time = new Date(Date.now() + ahead);
      await utimes(file, time, time);
    };
    await beat();
    const beating = setInterval(() => void beat(), leaseMs / 10);
    try {
      await expect(withLease(request(anchor, 2), async () => 'taken')).rejects.toMatchObject({ code: 'LockHeld' });
    } finally {
      clearInterval(beating);
    }
  }
});

test('what is no lease is named, with what to do', async ({ folder }) => {
  const planted = [{ leaseMs: year }, { leaseMs: undefined }, { holder: undefined }, { token: null }];
  for (const [number, changes] of planted.entries()) {
    const anchor = join(folder, `${number}`);
    const file = await plant(anchor, changes);
    await utimes(file, new Date(), new Date());
    await expect(withLease(request(anchor, 2), async () => 'taken')).rejects.toMatchObject({
      code: 'Precondition',
      message: expect.stringContaining(file) as string,
      hint: 'when no restore runs on this host, remove the file',
    });
  }
});
