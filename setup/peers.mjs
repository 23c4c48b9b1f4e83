import { aptCommand, aptSource } from './apt.mjs';
import { succeeds } from './commands.mjs';
import { provide, SetUpError } from './step.mjs';

/** Programs that the benchmark measures against, and the package of each. */
const peers = {
  restic: 'restic',
  pgbackrest: 'pgbackrest',
  pg_dump: 'postgresql-client',
  'redis-cli': 'redis-tools',
  rclone: 'rclone',
  rsync: 'rsync',
};

/** An absent peer ends nothing: the benchmark says `not measured`, and that its number is not met. */
export async function providePeers() {
  for (const [command, name] of Object.entries(peers)) {
    const isThere = () => succeeds('/bin/sh', ['-c', `command -v ${command}`]);
    try {
      await provide({
        title: `peer ${command}`,
        find: async () => ((await isThere()) ? command : undefined),
        sources: [aptSource(name)],
        command: process.platform === 'darwin' ? `brew install ${name}` : aptCommand(name),
      });
    } catch (error) {
      if (!(error instanceof SetUpError)) throw error;
      process.stderr.write(`  the benchmark goes on without it; get it with: ${error.command}\n`);
    }
  }
}
