/**
 * `npm run bench`: Lifeboat and its peers on the same data and machine, one after the other within each run, medians over
 * the runs. A benchmark, not a test: it exits 0 whatever the numbers are, and says which of them are met. `--fleet`
 * measures many appliances on one Temporal server instead.
 */
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { describeError, exitCodeOf } from '../src/cli/exit.ts';
import { endOnUncaught } from '../src/cli/uncaught.ts';
import { stateFolder } from '../src/dev/folders.ts';
import { openResultFile, type ResultFile } from '../src/dev/result-file.ts';
import type { Bench } from './bench.ts';
import { openDataSet, removeDataSet } from './data/data-set.ts';
import { openManyFiles, removeManyFiles, removeRestored } from './data/many-files.ts';
import { runFleet } from './fleet/run.ts';
import { runGrowth } from './growth/run.ts';
import { describeMachine, machineText, type Machine } from './machine.ts';
import { Recorder, type Measurements } from './measure.ts';
import { parseBenchOptions, usage, type BenchOptions } from './options.ts';
import { describePeers, findPeers } from './peers/peers.ts';
import { measureFirstBackup } from './rows/first-backup.ts';
import { measureExposure } from './rows/exposure.ts';
import { measureGoLive } from './rows/go-live.ts';
import { measureIncremental } from './rows/incremental.ts';
import { measureManyFiles } from './rows/many-files.ts';
import { measureReplication } from './rows/replication.ts';
import { measureRestore } from './rows/restore.ts';
import { measureRestoreScript } from './rows/restore-script.ts';
import { measureSecondBackup } from './rows/second-backup.ts';
import { measureStartup } from './rows/startup.ts';
import { measureVerify } from './rows/verify.ts';
import { measureWorkflow } from './rows/workflow.ts';
import { measurementTable, verdictTable } from './table.ts';
import { judge, targets } from './targets.ts';

// Experimental Node features that we use on purpose are no news here.
process.removeAllListeners('warning');
const outcomeIsKnown = endOnUncaught();
/** Files of the rows about many files. */
const manyFiles = 100_000;

try {
  const options = parseBenchOptions(process.argv.slice(2));
  if (options.help) process.stdout.write(`${usage}\n`);
  else if (options.fleet) await runFleet(options, say, stopOnSignal);
  else if (options.growth !== undefined) await runGrowth(options.growth, openResultFile(options, 'the benchmark'), say);
  else await runBenchmark(options);
} catch (error) {
  process.stderr.write(`\n${describeError(error)}\n`);
  process.exitCode = exitCodeOf(error);
}
outcomeIsKnown();

async function runBenchmark(options: BenchOptions): Promise<void> {
  const file = openResultFile(options, 'the benchmark');
  const record = new Recorder();
  const setting = options.only.some((group) => group !== 'many-files')
    ? await measureAppliance(options, record)
    : { machine: await describeMachine(stateFolder(), { restic: ['restic', 'version'] }), peers: '' };
  if (options.only.includes('many-files')) await measureFiles(options, record);
  setting.machine.loadAfter = loadavg()[0]!;
  conclude(options, record.measurements, setting.machine, setting.peers, file);
}

interface Setting {
  readonly machine: Machine;
  readonly peers: string;
}

async function measureFiles(options: BenchOptions, record: Recorder): Promise<void> {
  const files = await openManyFiles(manyFiles, say);
  for (let run = 1; run <= options.runs; run += 1) {
    say(`\nmany files, run ${run} of ${options.runs}, load ${loadavg()[0]!.toFixed(2)}`);
    await measureManyFiles({ files, record, say });
  }
  await (options.keepData ? removeRestored(files) : removeManyFiles(files));
}

async function measureAppliance(options: BenchOptions, record: Recorder): Promise<Setting> {
  say(`a ${options.size} appliance in ${join(stateFolder(), 'bench', options.size)}`);
  const data = await openDataSet(options.size, say);
  const stopOnce = stopOnSignal(async () => data.stop());
  try {
    const peers = await findPeers(data);
    const { stateFolder: folder, binaries } = data.sample;
    const machine = await describeMachine(folder, {
      postgresql: [join(binaries.postgresBin, 'postgres'), '--version'],
      redis: [binaries.redisServer, '--version'],
    });
    const { size, only } = options;
    const bench: Bench = { data, size, peers, record, say, wants: (group) => only.includes(group) };
    for (let run = 1; run <= options.runs; run += 1) {
      say(`\nrun ${run} of ${options.runs}, load ${loadavg()[0]!.toFixed(2)}`);
      await measureOnce(bench);
    }
    return { machine, peers: describePeers(peers) };
  } finally {
    stopOnce();
    await data.stop();
    if (!options.keepData) await removeDataSet(options.size);
  }
}

/** All tools take turns within one run, so that a slow quarter of an hour hits all of them. */
async function measureOnce(bench: Bench): Promise<void> {
  const { data, peers, wants } = bench;
  await data.reset();
  const point = await measureFirstBackup(bench);
  if (wants('startup')) await measureStartup(bench);
  if (wants('restore-script')) await measureRestoreScript(bench);
  if (wants('restore')) await measureRestore(bench, point);
  if (wants('verify')) await measureVerify(bench, point);
  if (wants('replication')) await measureReplication(bench);
  if (wants('second-backup')) await measureSecondBackup(bench);
  if (wants('go-live')) await measureGoLive(bench, point);
  if (wants('incremental') || wants('pitr')) {
    await data.reset();
    await measureIncremental(bench);
  }
  if (wants('exposure')) {
    await data.reset();
    await measureExposure(bench);
  }
  if (wants('workflow')) {
    await data.reset();
    await measureWorkflow(bench);
  }
  await Promise.all([peers.documents?.clean(), peers.restic?.clean(), peers.pgbackrest?.clean()]);
}

function conclude(
  options: BenchOptions,
  measurements: Measurements,
  machine: Machine,
  peers: string,
  file: ResultFile | undefined,
): void {
  const verdicts = targets
    .filter(({ group }) => options.only.includes(group))
    .map((target) => judge(target, measurements));
  process.stdout.write(
    `\n${machineText(machine)}\npeers\n${peers}\n\n${measurementTable(measurements)}\n\n${verdictTable(verdicts)}\n`,
  );
  file?.write({
    at: new Date().toISOString(),
    size: options.size,
    runs: options.runs,
    machine,
    peers: peers.split('\n'),
    numbers: verdicts,
    measurements: Object.fromEntries(measurements),
  });
}

/** Interrupted, it still stops the engines; what lies in its folder is used or removed by the next benchmark. */
function stopOnSignal(stop: () => Promise<void>): () => void {
  const handler = (): void => {
    say('\nstops the engines …');
    void stop().finally(() => process.exit(130));
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, handler);
  return () => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, handler);
  };
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}
