/** The commands. Nouns first; without arguments the page for 03:00. */
import { Command, Option } from 'commander';
import { toolVersion } from '../operations/tool-version.ts';
import { backupsList, backupsRun, backupsShow } from './commands/backups.ts';
import { doctor } from './commands/doctor.ts';
import { init } from './commands/init.ts';
import { now } from './commands/now.ts';
import { restoreAbort, restorePlan, restoreShow, restoreStart, restoreWatch } from './commands/restore.ts';
import { verify } from './commands/verify.ts';
import type { GlobalOptions } from './context.ts';

export function createProgram(): Command {
  const program = new Command('lifeboat')
    .description('Keeps a self-hosted AI appliance recoverable, and proves it.')
    .version(toolVersion)
    .exitOverride()
    .showHelpAfterError('(see `lifeboat --help`)')
    .addOption(new Option('-c, --config <file>', 'configuration').env('LIFEBOAT_CONFIG').default('lifeboat.yaml'))
    .addOption(new Option('-o, --output <format>', 'how data is printed').choices(['table', 'json']).default('table'));
  const globals = (): GlobalOptions => program.opts<GlobalOptions>();

  program
    .command('now', { isDefault: true })
    .description('what is happening, and what to do next')
    .action(async () => now(globals()));

  program
    .command('init')
    .description('write a commented lifeboat.yaml, create the repository and print the recovery kit')
    .option('--repository <path>', 'folder of the new repository', '/backups')
    .option('--key-file <path>', 'where the key is kept', '/etc/lifeboat/key')
    .option('--appliance <name>', 'name of the appliance', 'wazuh-companion')
    .option('--no-encryption', 'a repository that everybody can read')
    .action(async (options) => init(globals(), options));

  program
    .command('doctor')
    .description('check engines, permissions, key, disk space, clock, schedule and worker, with a hint each')
    .option('--try-recovery-kit <file>', 'open the repository with nothing but the printed kit')
    .option('--no-message', 'do not send a test message to notify.webhook')
    .action(async (options) => doctor(globals(), options));

  program
    .command('worker')
    .description('do the work of this host until SIGTERM')
    .option('--only <roles>', 'comma-separated roles: database,redis,storage,vectorstore,inference,platform')
    .action(async (options) => {
      // The worker's native core is loaded only where a worker runs: every other command begins half a second sooner.
      const { worker } = await import('./commands/worker.ts');
      await worker(globals(), options);
    });

  const backups = program.command('backups').description('recovery points');
  backups
    .command('run')
    .description('make a full backup now')
    .option('--components <ids>', 'comma-separated component ids; all by default')
    .option('--detach', 'do not wait for the end')
    .option('--reason <text>', 'why', '')
    .action(async (options) => backupsRun(globals(), options));
  backups
    .command('list')
    .description('list recovery points, newest first (works with Temporal dead)')
    .action(async () => backupsList(globals()));
  backups
    .command('show <id>')
    .description('one recovery point: an id, a unique prefix or `latest`')
    .action(async (id) => backupsShow(globals(), id));

  program
    .command('verify [id]')
    .description('re-read and authenticate a stored recovery point (works with Temporal dead)')
    .option('--components <ids>', 'comma-separated component ids; all by default')
    .action(async (id, options) => verify(globals(), id, options));

  const restore = program.command('restore').description('bring data back');
  const selection = (command: Command): Command =>
    command
      .option('--at <id>', 'recovery point: an id, a unique prefix or `latest`', 'latest')
      .option('--components <ids...>', 'component ids, separated by commas or blanks; all by default')
      .option('--stop-first', "the guide's order: stop before verifying")
      .option('--replace-damaged', 'delete first what failed its own check, where two copies do not fit');
  selection(restore.command('plan').description('show what a restore would do; changes nothing')).action(
    async (options) => restorePlan(globals(), options),
  );
  selection(restore.command('start').description('restore; asks for the name of the appliance'))
    .option('--reason <text>', 'why; stands in the evidence')
    .option('--confirm <appliance>', 'name of the appliance, instead of being asked')
    .option('--keep-new', 'keep the restored data although a probe failed')
    .option('--disaster-at <time>', 'when it happened, ISO 8601: the RTO clock begins there')
    .option('--detach', 'do not wait for the end')
    .action(async (options) => restoreStart(globals(), options));
  restore
    .command('watch [run]')
    .description('follow a run; the newest by default')
    .action(async (run) => restoreWatch(globals(), run));
  restore
    .command('abort [run]')
    .description('stop a restore and put the old data back')
    .requiredOption('--reason <text>', 'why; stands in the evidence')
    .action(async (run, options) => restoreAbort(globals(), run, options));
  restore
    .command('show <run>')
    .description('the evidence of a run, also after Temporal forgot it')
    .action(async (run) => restoreShow(globals(), run));

  // exitOverride is not inherited by subcommands made before it was set on them.
  const override = (command: Command): void => {
    command.exitOverride();
    command.commands.forEach(override);
  };
  override(program);
  return program;
}
