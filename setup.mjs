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
import { provideFaiss } from './setup/faiss.mjs';
import { prepareCache, prepareState } from './setup/folders.mjs';
import { checkHost } from './setup/host.mjs';
import { catchSignals, Interrupted } from './setup/interruption.mjs';
import { lockCache } from './setup/lock.mjs';
import { providePeers } from './setup/peers.mjs';
import { provideOtherPostgres, providePostgres } from './setup/postgres.mjs';
import { runProgram } from './setup/program.mjs';
import { provideRedis } from './setup/redis.mjs';
import { printTable } from './setup/report.mjs';
import { openResultFile } from './setup/result-file.mjs';
import { provideRunUser } from './setup/run-user.mjs';
import { provideMinio, provideVersitygw } from './setup/s3.mjs';
import { SetUpError } from './setup/step.mjs';
import { provideTemporal } from './setup/temporal.mjs';
import { runTests } from './setup/test-run.mjs';
import { provideTools } from './setup/tools.mjs';

const [task, ...args] = process.argv.slice(2);
const tasks = {
  demo: runDemo,
  test: async () => runTests(await setUp(), args),
  bench: async () => runProgram(await setUp(), ['bench/main.ts', ...args]),
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
  return tasks[task]();
}

/** The demo writes its result through an open descriptor: it runs as a user who may not write where root typed. */
async function runDemo() {
  const result = openResultFile(args);
  const setup = await setUp();
  if (result === undefined) return runProgram(setup, ['src/dev/demo.ts', ...args]);
  return runProgram(setup, ['src/dev/demo.ts', ...args, '--json-descriptor=3'], { descriptors: [result] });
}

async function setUp() {
  // What root installs must be readable for the run user, whatever root's own mask is.
  process.umask(0o022);
  const release = catchSignals();
  const cache = prepareCache();
  logCommandsTo(join(cache, 'setup.log'));
  const unlock = await lockCache(cache);
  try {
    const user = await provideRunUser();
    const state = prepareState(user);
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
    if (task === 'test') found.LIFEBOAT_MINIO = await provideMinio(cache, user);
    const isWhole = task === 'test' && args.length === 0;
    const otherPostgres = isWhole ? await provideOtherPostgres(cache, user, found.LIFEBOAT_PG_BIN) : [];
    await provideTools();
    await provideFaiss(checkout, cache, node, user);
    found.LIFEBOAT_EMBEDDING_MODEL = await provideEmbeddingModel(checkout, cache, node);
    if (task === 'bench') await providePeers();
    return { user, state, cache, checkout, node, found, otherPostgres };
  } finally {
    printTable();
    unlock();
    release();
  }
}

function explain(error) {
  if (error instanceof Interrupted) {
    process.stderr.write('set-up was interrupted; the same command continues it\n');
    return 130;
  }
  if (!(error instanceof SetUpError)) throw error;
  process.stderr.write(`\n${error.message}\nget it with: ${error.command}\n`);
  return 1;
}
