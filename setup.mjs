/**
 * Entry of `npm run demo`, `npm test` and `npm run bench` on a fresh machine: brings what is missing, then runs the real program on a
 * Node that is new enough, as an unprivileged user. Runs on Node 20 with Node's own modules only.
 *
 *   node setup.mjs demo [arguments of the demo]
 *   node setup.mjs test [arguments of vitest]
 *   node setup.mjs bench [arguments of the benchmark]
 *
 * Each step may be repeated and interrupted. The cache is LIFEBOAT_CACHE, else /var/cache/lifeboat for root and
 * ~/.cache/lifeboat for others; running data lie in LIFEBOAT_STATE, else /var/tmp/lifeboat-<uid>.
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { provideCheckout } from './setup/checkout.mjs';
import { logCommandsTo } from './setup/commands.mjs';
import { provideDependencies, provideNode } from './setup/dependencies.mjs';
import { provideEmbeddingModel } from './setup/embedding-model.mjs';
import { readablePath } from './setup/environment.mjs';
import { provideFaiss } from './setup/faiss.mjs';
import { prepareCache, prepareState } from './setup/folders.mjs';
import { checkHost } from './setup/host.mjs';
import { catchSignals, interrupted, Interrupted } from './setup/interruption.mjs';
import { lockCache } from './setup/lock.mjs';
import { providePeers } from './setup/peers.mjs';
import { provideOtherPostgres, providePostgres } from './setup/postgres.mjs';
import { namesOf } from './setup/processes.mjs';
import { runProgram } from './setup/program.mjs';
import { provideRedis } from './setup/redis.mjs';
import { printTable } from './setup/report.mjs';
import { openResultFile } from './setup/result-file.mjs';
import { closeRun, endLeftovers, giveRun, openMemory, openRun } from './setup/run-folder.mjs';
import { provideRunUser } from './setup/run-user.mjs';
import { provideMinio, provideVersitygw } from './setup/s3.mjs';
import { SetUpError } from './setup/step.mjs';
import { provideTemporal } from './setup/temporal.mjs';
import { runTests } from './setup/test-run.mjs';
import { provideTools } from './setup/tools.mjs';

const [task, ...rest] = process.argv.slice(2);
// npm takes the `--` away; who calls this file as npm is called leaves one, behind which vitest would take no filter.
const args = rest[0] === '--' ? rest.slice(1) : rest;
const tasks = {
  demo: (setup, result) => runWithResult(setup, 'src/dev/demo.ts', result),
  test: (setup) => runTests(setup, args),
  bench: (setup, result) => runWithResult(setup, 'bench/main.ts', result),
};

try {
  process.exitCode = await main();
} catch (error) {
  process.exitCode = explain(error);
}

async function main() {
  const names = Object.keys(tasks);
  if (!names.includes(task))
    throw new SetUpError(`unknown task \`${task ?? ''}\``, `node setup.mjs ${names.join('|')}`);
  checkHost();
  catchSignals();
  const say = (text) => process.stderr.write(`${text}\n`);
  // Before anything is fetched: nobody waits for a result that cannot be left.
  const result = task === 'test' ? undefined : openResultFile(args, task);
  // What root installs must be readable for the run user, whatever root's own mask is. Programs get the caller's.
  const umask = process.umask(0o022);
  const cache = prepareCache();
  await endLeftovers(cache, say);
  const run = openRun(cache);
  try {
    return await tasks[task]({ ...(await setUp(cache, run)), umask }, result);
  } finally {
    const left = await closeRun(run, say);
    if (left.length > 0 && !interrupted.aborted)
      say(`${left.length} processes had not ended by themselves, and are ended now: ${namesOf(left)}`);
  }
}

/** The program writes its result through an open descriptor: it runs as a user who may not write where root typed. */
function runWithResult(setup, program, result) {
  if (result === undefined) return runProgram(setup, [program, ...args]);
  return runProgram(setup, [program, ...args, '--json-descriptor=3'], { descriptors: [result] });
}

async function setUp(cache, run) {
  logCommandsTo(join(cache, 'setup.log'));
  const unlock = await lockCache(cache);
  try {
    const user = await provideRunUser();
    const state = prepareState(user);
    giveRun(run, state, user);
    const path = await readablePath(user);
    const checkout = await provideCheckout(
      fileURLToPath(new URL('.', import.meta.url)).replace(/\/$/, ''),
      cache,
      user,
    );
    await provideDependencies(checkout);
    const node = await provideNode(checkout, user);
    const found = {
      LIFEBOAT_TEMPORAL: await provideTemporal(cache, user),
      LIFEBOAT_PG_BIN: await providePostgres(cache, user),
      LIFEBOAT_REDIS_SERVER: await provideRedis(user),
      LIFEBOAT_VERSITYGW: await provideVersitygw(cache, user),
    };
    if (task === 'test') found.LIFEBOAT_MEMORY = openMemory(run) ?? '';
    // Starting a program copies the page tables of who starts it: M: 55 ms at 400 MB of small pages, 14 of huge ones.
    if (task === 'test') found.GLIBC_TUNABLES = 'glibc.malloc.hugetlb=1';
    if (task === 'test') found.LIFEBOAT_MINIO = await provideMinio(cache, user);
    // One file, or one project, must not wait for what only the others need.
    if (task === 'test' && (args.length === 0 || args.some((word) => word.includes('postgres-'))))
      found.LIFEBOAT_OTHER_POSTGRES = JSON.stringify(await provideOtherPostgres(cache, user, found.LIFEBOAT_PG_BIN));
    await provideTools();
    await provideFaiss(checkout, cache, node, user);
    found.LIFEBOAT_EMBEDDING_MODEL = await provideEmbeddingModel(checkout, cache, node);
    if (task === 'bench') await providePeers();
    return { user, state, cache, checkout, node, path, runFolder: run.folder, found };
  } finally {
    printTable();
    unlock();
  }
}

function explain(problem) {
  const error = interrupted.reason ?? problem;
  if (error instanceof Interrupted) {
    process.stderr.write(`\n${error.message}; what was started is ended\n`);
    return error.exitCode;
  }
  if (!(error instanceof SetUpError)) throw error;
  process.stderr.write(`\n${error.message}\nget it with: ${error.command}\n`);
  return 1;
}
