/** What `npm test` runs after set-up: checks of the sources, the tests, and as root the few tests that need root. */
import {
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runProgram } from './program.mjs';

const checks = [
  { name: 'types', args: () => ['node_modules/typescript/bin/tsc', '--noEmit'] },
  { name: 'lint', args: () => ['node_modules/oxlint/bin/oxlint', '--type-aware', '--quiet', '.'] },
  {
    name: 'format',
    // Known by content: a new clone of the same commit is looked at in a second.
    args: ({ state }) => {
      const cache = ['--cache', '--cache-strategy', 'content', '--cache-location', join(state, 'prettier-cache')];
      return ['node_modules/prettier/bin/prettier.cjs', '--check', '--log-level', 'warn', ...cache, '**/*.{ts,mjs}'];
    },
  },
  { name: 'unused code', args: () => ['node_modules/knip/bin/knip.js', '--no-progress'], needs: 'knip.json' },
];

/**
 * Arguments go to vitest, and only vitest runs then. Else the checks and root's tests run beside it, and say what they have
 * to say when it has ended. Prints what failed once more at the end, where a long log is read first, and `N passed,
 * N failed` last; gives the exit code.
 */
export async function runTests(setup, args) {
  const results = args.length > 0 ? [await runSome(setup, args)] : await runEverything(setup);
  const passed = results.reduce((sum, result) => sum + result.passed, 0);
  const failed = results.reduce((sum, result) => sum + result.failed, 0);
  const skipped = results.reduce((sum, result) => sum + result.skipped, 0);
  for (const failure of results.flatMap(({ failures }) => failures)) process.stdout.write(`× ${failure}\n`);
  if (skipped > 0) process.stdout.write(`${skipped} skipped\n`);
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
  return failed > 0 || passed === 0 ? 1 : 0;
}

/** Root's tests have a configuration of their own. */
function runSome(setup, args) {
  const areRoots = args.some((each) => each.startsWith('test/root'));
  return areRoots
    ? runVitest(setup, 'vitest.root.config.ts', args, { asRoot: true })
    : runVitest(setup, 'vitest.config.ts', args);
}

async function runEverything(setup) {
  const here = (path) => existsSync(join(setup.checkout, path));
  const asked = checks.filter(({ needs }) => needs === undefined || here(needs));
  const beside = asked.map((check) => runQuietly(async (options) => runCheck(setup, check, options)));
  if (process.getuid() === 0 && here('test/root'))
    beside.push(
      runQuietly(async (options) => runVitest(setup, 'vitest.root.config.ts', [], { ...options, asRoot: true })),
    );
  const ended = await Promise.allSettled([runVitest(setup, 'vitest.config.ts', []), ...beside]);
  return ended.map(({ status, value, reason }) => {
    if (status === 'rejected') throw reason;
    process.stdout.write(value.said ?? '');
    return value;
  });
}

/** Two programs that talk at once could not be read. */
async function runQuietly(run) {
  const folder = mkdtempSync(join(tmpdir(), 'lifeboat-said-'));
  const file = join(folder, 'output');
  const output = openSync(file, 'w');
  try {
    const result = await run({ output });
    return { ...result, said: readFileSync(file, 'utf8') };
  } finally {
    closeSync(output);
    rmSync(folder, { recursive: true });
  }
}

async function runCheck(setup, { name, args }, options) {
  const begun = performance.now();
  const code = await runProgram(setup, args(setup), options);
  const seconds = ((performance.now() - begun) / 1000).toFixed(1);
  writeSync(options.output, `check of ${name}: ${code === 0 ? 'passed' : 'failed'} in ${seconds} s\n`);
  const failures = code === 0 ? [] : [`check of ${name}`];
  return { passed: 1 - failures.length, failed: failures.length, skipped: 0, failures };
}

async function runVitest(setup, config, args, options = {}) {
  const results = join(options.asRoot ? '/var/tmp/lifeboat-0' : setup.state, 'test-results');
  mkdirSync(results, { recursive: true, mode: 0o700 });
  if (!options.asRoot && setup.user.switchTo) chownSync(results, setup.user.uid, setup.user.gid);
  // Two runs at once must not count each other's tests.
  const file = join(results, `${config}-${process.pid}.json`);
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
  // The native loader writes no compiled copy of the configuration beside it: the run user may not write there.
  const vitest = ['node_modules/vitest/vitest.mjs', 'run', '--config', config, '--configLoader', 'native'];
  const code = await runProgram(setup, [...vitest, ...reporters, ...args], options);
  const counted = resultsOf(file, code);
  if (existsSync(file)) renameSync(file, join(results, `${config}.json`));
  return counted;
}

const messageLines = 12;

/** A run that failed without a failed test (a file that does not load, an error outside of a test) counts as one failure. */
export function resultsOf(file, code) {
  if (!existsSync(file)) return { passed: 0, failed: 1, skipped: 0, failures: [`no results in ${file}`] };
  const {
    numPassedTests: passed,
    numFailedTests,
    numPendingTests,
    numTodoTests = 0,
    testResults,
  } = JSON.parse(readFileSync(file, 'utf8'));
  const broken = testResults.filter(
    (suite) => suite.status === 'failed' && suite.assertionResults.every((test) => test.status !== 'failed'),
  );
  const failures = [
    ...testResults.flatMap(({ name, assertionResults }) =>
      assertionResults
        .filter(({ status }) => status === 'failed')
        .map(({ fullName, failureMessages }) => `${name}\n  ${fullName}\n${shortened(failureMessages.join('\n'))}`),
    ),
    ...broken.map(({ name, message }) => `${name}\n${shortened(message)}`),
  ];
  const outside = code !== 0 && failures.length === 0;
  return {
    passed,
    failed: outside ? 1 : numFailedTests + broken.length,
    skipped: numPendingTests + numTodoTests,
    failures: outside ? [`${file}: the run failed outside of its tests, with exit code ${code}`] : failures,
  };
}

function shortened(message) {
  const lines = message.split('\n');
  const cut = lines.length > messageLines ? [...lines.slice(0, messageLines), '…'] : lines;
  return cut.map((line) => `    ${line}`).join('\n');
}
