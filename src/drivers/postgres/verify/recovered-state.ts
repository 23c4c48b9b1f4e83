/**
 * What a database showed when a private server had recovered it to a moment between two recovery points: nobody wrote to
 * it then, so the live server must show exactly the same. Kept in Lifeboat's own folder until the restore has ended.
 */
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { PostgresConfig } from '../../../domain/appliance.ts';
import { LifeboatError } from '../../../domain/errors.ts';
import { notCompared } from '../../../domain/probes.ts';
import type { ProbeResult } from '../../../domain/recovery-point.ts';
import { parseJson } from '../../../json/parse-json.ts';
import type { DriverEnvironment } from '../../driver.ts';
import { writeDurably } from '../../swap/disk.ts';
import type { Session } from '../server/connection.ts';
import { probeTable } from './content-probes.ts';
import { expectedTables, type SealedFacts, type TableExpectation } from '../facts.ts';
import { unreadable } from './read-table.ts';
import { hasToken, type Token } from './token.ts';
import { beginSnapshot, exactly, measure } from './fingerprint.ts';
import { listTables } from './list-tables.ts';

interface Place {
  readonly config: PostgresConfig;
  readonly environment: DriverEnvironment;
  readonly runId: string;
}

/**
 * Measures every table. One that the role may not read, or that a transaction keeps locked which was prepared by then,
 * belongs to the moment, and is not compared. Another that the
 * capture could measure and that cannot be read now is a failed probe. What is read is compared with nothing here: only the
 * token of the base is known to be there.
 */
export async function writeRecoveredState(session: Session, facts: SealedFacts, place: Place): Promise<ProbeResult[]> {
  const { config } = place;
  const expectations: TableExpectation[] = [];
  const results: ProbeResult[] = [];
  const measured = new Set(expectedTables(facts).map(({ table }) => table));
  await beginSnapshot(session);
  for (const { table, hidden } of await listTables(session)) {
    const probe = { component: config.id, name: `table ${table}`, expected: 'readable' };
    const state =
      hidden === undefined ? await measure(session, table, { bytes: config.fingerprintUpTo }) : { problem: hidden };
    if ('problem' in state) {
      results.push(
        hidden === undefined && measured.has(table) ? unreadable(probe, state) : notCompared(probe, state.problem),
      );
      continue;
    }
    const actual = state.rows === null ? 'readable' : `${state.rows} rows`;
    results.push({ ...probe, actual, ok: true });
    expectations.push(exactly(state));
  }
  // Our own row alone says nothing of tables, where there are some and none could be read.
  const isContent = expectations.length > 0 || results.length === 0;
  if (facts.token !== null)
    results.push(await probeBaseToken(session, facts.token, { component: config.id, isContent }));
  await session.rows('COMMIT');
  const path = pathOf(place);
  await mkdir(join(path, '..'), { recursive: true, mode: 0o700 });
  await writeDurably(path, JSON.stringify(expectations), undefined);
  return results;
}

/** The newest hundred stay: an older one may have been removed since. */
async function probeBaseToken(
  session: Session,
  token: Token,
  { component, isContent }: { readonly component: string; readonly isContent: boolean },
): Promise<ProbeResult> {
  const expected = `row of backup ${token.backupId}`;
  const probe = { component, name: 'backup token of the base', expected };
  const found = await hasToken(session, token);
  if (typeof found !== 'boolean') return unreadable(probe, found);
  if (found) return { ...probe, actual: expected, ok: true, ...(isContent ? { content: true } : {}) };
  return notCompared(probe, 'it was removed since, as old ones are');
}

/** Compares a live server with it. ValidationFailed where it was lost. */
export async function probeRecoveredState(session: Session, place: Place): Promise<ProbeResult[]> {
  const { config } = place;
  const expectations = await readState(place);
  if (expectations === undefined) {
    throw new LifeboatError('ValidationFailed', `\`${pathOf(place)}\`, the state after recovery, is gone or damaged`, {
      component: config.id,
      hint: 'run the restore again',
    });
  }
  const results: ProbeResult[] = [];
  await beginSnapshot(session);
  for (const expectation of expectations) {
    const state = await measure(session, expectation.table, expectation.depth);
    results.push(probeTable({ component: config.id, name: `table ${expectation.table}` }, expectation, state));
  }
  await session.rows('COMMIT');
  return results;
}

const expectationsSchema: z.ZodType<TableExpectation[]> = z.array(
  z.object({
    table: z.string(),
    depth: z.enum(['content', 'count', 'sample']),
    leastRows: z.string().nullable(),
    mostRows: z.string().nullable(),
    hash: z.string().nullable(),
    columns: z.array(z.string()).exactOptional(),
  }),
);

async function readState(place: Place): Promise<TableExpectation[] | undefined> {
  try {
    return expectationsSchema.parse(parseJson(await readFile(pathOf(place), 'utf8')));
  } catch {
    return undefined;
  }
}

export async function removeRecoveredState(place: Place): Promise<void> {
  await rm(pathOf(place), { force: true });
}

function pathOf({ config, environment, runId }: Place): string {
  return join(environment.stateDir, 'restores', `${config.id}-${runId}.json`);
}
