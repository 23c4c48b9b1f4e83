/** Names that open runs, stored histories and repositories hold are never removed or changed: docs/compatibility.md. */
import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { stateOfReport } from '../../src/domain/run-state.ts';
import { namesNow } from './names.ts';

const frozen = JSON.parse(await readFile(new URL('names.json', import.meta.url), 'utf8')) as Record<string, string[]>;
const now = namesNow();

/** By their words in reports, search attributes and metrics. */
const states = JSON.parse(await readFile(new URL('states.json', import.meta.url), 'utf8')) as string[];

describe('frozen names', () => {
  test.each(Object.entries(frozen))('%s: all of them are still there', (of, names) => {
    expect(names.filter((name) => now[of]?.includes(name) !== true)).toEqual([]);
  });

  test.each(states)('the state %s of a report is still understood', (state) => {
    expect(stateOfReport({ state, undone: 'full', holder: 'run' })).toMatchObject({ status: state });
  });

  test('new names are frozen with the change that brings them: add them to names.json', () => {
    expect(frozen).toEqual(now);
  });
});
