/**
 * How soon the command line answers, in a clone and as the built package, against what Node itself needs: for what asks nobody,
 * an empty program; for what asks Temporal, loading its client. A round each of all, so that a slow moment hits all of them.
 */
import { cp, mkdir, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startTemporal } from '../../src/dev/temporal.ts';
import type { Bench } from '../bench.ts';
import { runCommand } from '../command.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const rounds = 11;
/** They are exit codes of what is measured: usage error, not well. */
const accepts = [2, 3];

/** Needs a repository with a recovery point. */
export async function measureStartup(bench: Bench): Promise<void> {
  const { data } = bench;
  const temporal = await startTemporal({
    directory: join(data.work, 'startup-temporal'),
    headless: true,
    ...data.temporalPorts,
  });
  try {
    const programs = { clone: join(root, 'src/cli/main.mjs'), package: await buildPackage(join(data.work, 'package')) };
    // Our commands keep compiled code in the user's home, which this user may not have; for the peer it is kept as well.
    const cache = join(data.work, 'compiled');
    for (const [name, program] of Object.entries(programs)) {
      const words = (...args: string[]): string[] => [program, '--config', data.configFile, ...args];
      await measureRounds(bench, cache, {
        [`startup-${name}/node`]: ['-e', '0'],
        [`startup-${name}/client`]: ['--input-type=module', '-e', `await import('${clientModule}')`],
        [`startup-${name}/help`]: [program, '--help'],
        [`startup-${name}/version`]: [program, '--version'],
        [`startup-${name}/usage-error`]: [program, 'bakcups'],
        [`startup-${name}/backups-list`]: words('backups', 'list'),
        [`startup-${name}/now`]: words('now'),
        [`startup-${name}/schedules-list`]: words('schedules', 'list'),
      });
    }
  } finally {
    await temporal.stop();
  }
}

const clientModule = import.meta.resolve('@temporalio/client');

/** The first round fills the compile cache, as a user's first command does, and is not counted. */
async function measureRounds(
  { record, say }: Bench,
  cache: string,
  commands: Readonly<Record<string, readonly string[]>>,
): Promise<void> {
  for (let round = 0; round <= rounds; round += 1)
    for (const [name, args] of Object.entries(commands)) {
      const { seconds } = await runCommand(process.execPath, args, { accepts, env: { NODE_COMPILE_CACHE: cache } });
      if (round > 0) record.add(name, seconds);
    }
  say(`${Object.keys(commands).join(', ')}: ${rounds} rounds`);
}

/** Path of the built package's entry; its dependencies are those of this clone. */
async function buildPackage(folder: string): Promise<string> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const compiler = join(root, 'node_modules/typescript/bin/tsc');
  const output = join(folder, 'dist');
  await runCommand(process.execPath, [compiler, '-p', join(root, 'tsconfig.build.json'), '--outDir', output]);
  await cp(join(root, 'package.json'), join(folder, 'package.json'));
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  return join(output, 'src/cli/bin.js');
}
