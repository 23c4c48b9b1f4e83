import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { resultsOf } from '../../setup/test-run.mjs';
import { folderTest as test } from '../support/folder-test.ts';

const passedTest = { status: 'passed', fullName: 'adds', failureMessages: [] };
const failedTest = { status: 'failed', fullName: 'divides', failureMessages: [`by zero${'\nat a line'.repeat(30)}`] };
const passedSuite = { name: '/a.test.ts', status: 'passed', message: '', assertionResults: [passedTest] };
const failedSuite = { name: '/b.test.ts', status: 'failed', message: '', assertionResults: [passedTest, failedTest] };
/** A test file that could not even be loaded. */
const brokenSuite = { name: '/c.test.ts', status: 'failed', message: 'no such module', assertionResults: [] };

test.for([
  ['all passed', { failed: 0, suites: [passedSuite] }, 0, []],
  ['a test failed', { failed: 1, suites: [passedSuite, failedSuite] }, 1, ['/b.test.ts\n  divides\n    by zero\n']],
  ['a file does not load', { failed: 0, suites: [passedSuite, brokenSuite] }, 1, ['/c.test.ts\n    no such module']],
  ['an error outside of any test', { failed: 0, suites: [passedSuite] }, 1, ['the run failed outside of its tests']],
] as const)('the last lines never hide a failure: %s', async ([_case, run, code, expected], { folder }) => {
  const file = join(folder, 'results.json');
  const results = {
    numPassedTests: 3,
    numFailedTests: run.failed,
    numPendingTests: 0,
    testResults: run.suites,
  };
  await writeFile(file, JSON.stringify(results));
  const { failures, ...counts } = resultsOf(file, code);
  expect(counts).toEqual({ passed: 3, failed: expected.length, skipped: 0 });
  expect(failures).toEqual(expected.map((text) => expect.stringContaining(text)));
  for (const failure of failures) expect(failure.split('\n').length).toBeLessThan(20);
});

test('a run that left no results is a failure', ({ folder }) => {
  const file = join(folder, 'nothing.json');
  expect(resultsOf(file, 0)).toEqual({ passed: 0, failed: 1, skipped: 0, failures: [`no results in ${file}`] });
});
