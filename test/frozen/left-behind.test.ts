/** What the frozen version leaves beside live data is read whole: a later version goes on with it, undoes it, or is fenced by it. */
import { copyFile, mkdir, readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { readJournal } from '../../src/drivers/swap/journal.ts';
import { withLease } from '../../src/drivers/swap/lease.ts';
import { journalName, leaseName, receiptName } from '../../src/drivers/swap/names.ts';
import { findStaged, type StagedReceipt } from '../../src/drivers/swap/staging.ts';
import { folderTest as test } from '../support/folder-test.ts';

const kept = (kind: string): string => join(import.meta.dirname, kind);

test.for(await readdir(kept('journals')))('the journal %s', async (name, { folder }) => {
  const path = join(kept('journals'), name);
  await copyFile(path, join(folder, journalName('data')));
  expect(await readJournal(folder, 'data')).toEqual(JSON.parse(await readFile(path, 'utf8')));
});

test.for(await readdir(kept('receipts')))('the receipt %s', async (name, { folder }) => {
  const text = (await readFile(join(kept('receipts'), name), 'utf8')).replaceAll('/srv', folder);
  const receipt = JSON.parse(text) as StagedReceipt;
  await Promise.all(Object.values(receipt.staged).map(async (path) => mkdir(path)));
  await writeFile(join(folder, receiptName('data', receipt.token)), text);
  const target = { component: 'data', token: receipt.token, lives: Object.keys(receipt.staged) };
  expect(await findStaged(target, receipt.source)).toEqual(receipt);
});

test.for(await readdir(kept('leases')))('the lease %s', async (name, { folder }) => {
  const path = join(folder, leaseName('data'));
  await copyFile(join(kept('leases'), name), path);
  // Released: its token stays the highest that was seen.
  await utimes(path, 0, 0);
  const { token } = JSON.parse(await readFile(path, 'utf8')) as Pick<StagedReceipt, 'token'>;
  const take = async (attempt: number): Promise<string> =>
    withLease({ component: 'data', anchor: folder, token: { ...token, attempt }, tuning: {} }, async () => 'held');
  await expect(take(token.attempt - 1)).rejects.toMatchObject({ code: 'Fenced' });
  expect(await take(token.attempt + 1)).toBe('held');
});
