import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { countsOf } from '../../setup/test-run.mjs';
import { engineTest as test } from '../support/engines.ts';

const passedSuite = { status: 'passed', assertionResults: [{ status: 'passed' }] };
const failedSuite = { status: 'failed', assertionResults: [{ status: 'passed' }, { status: 'failed' }] };
/** A test file that could not even be loaded. */
const brokenSuite = { status: 'failed', assertionResults: [] };

test.for([
  ['all passed', { passed: 3, failed: 0, suites: [passedSuite] }, 0, { passed: 3, failed: 0 }],
  ['a test failed', { passed: 3, failed: 1, suites: [passedSuite, failedSuite] }, 1, { passed: 3, failed: 1 }],
  ['a file does not load', { passed: 3, failed: 0, suites: [passedSuite, brokenSuite] }, 1, { passed: 3, failed: 1 }],
  ['an error outside of any test', { passed: 3, failed: 0, suites: [passedSuite] }, 1, { passed: 3, failed: 1 }],
] as const)('the last line never hides a failure: %s', async ([_case, run, code, expected], { folder }) => {
  const file = join(folder, 'results.json');
  const results = {
    numPassedTests: run.passed,
    numFailedTests: run.failed,
    numPendingTests: 0,
    testResults: run.suites,
  };
  await writeFile(file, JSON.stringify(results));
  expect(countsOf(file, code)).toEqual({ ...expected, skipped: 0 });
});

test('a run that left no results is a failure', ({ folder }) => {
  expect(countsOf(join(folder, 'nothing.json'), 0)).toEqual({ passed: 0, failed: 1, skipped: 0 });
});
