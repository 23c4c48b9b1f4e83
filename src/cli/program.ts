/**
 * The commands. Nouns first; without arguments the page for 03:00. Each loads what it needs when it is called: help, a usage
 * error and what works without Temporal answer at once.
 */
import { Argument, Command, Option } from 'commander';
import { roles } from '../domain/component.ts';
import { scheduleNames } from '../domain/schedules.ts';
import { LifeboatError } from '../domain/errors.ts';
import { nearest } from '../domain/nearest.ts';
import { backupTypes } from '../domain/recovery-point.ts';
import { toolVersion } from '../telemetry/version.ts';
import type { GlobalOptions } from './globals.ts';
import { say } from './output/speak.ts';

/** A file per noun, or per part of it that needs more than the others. */
const load = {
  backups: async () => import('./commands/backups.ts'),
  backupsHold: async () => import('./commands/backups-hold.ts'),
  backupsRun: async () => import('./commands/backups-run.ts'),
  doctor: async () => import('./commands/doctor.ts'),
  init: async () => import('./commands/init.ts'),
  now: async () => import('./commands/now.ts'),
  postgres: async () => import('./commands/postgres.ts'),
  prove: async () => import('./commands/prove.ts'),
  restore: async () => import('./commands/restore.ts'),
  restorePlan: async () => import('./commands/restore-plan.ts'),
  restoreRebuild: async () => import('./commands/restore-rebuild.ts'),
  restoreShow: async () => import('./commands/restore-show.ts'),
  restoreStart: async () => import('./commands/restore-start.ts'),
  restoreUndo: async () => import('./commands/restore-undo.ts'),
  retention: async () => import('./commands/retention.ts'),
  retentionRun: async () => import('./commands/retention-run.ts'),
  schedules: async () => import('./commands/schedules.ts'),
  service: async () => import('./commands/service.ts'),
  verify: async () => import('./commands/verify.ts'),
  worker: async () => import('./commands/worker.ts'),
} as const;

const exitCodes = `
Exit codes: 0 ok, 1 failed, 2 usage, 3 degraded, 4 not found, 5 precondition or
lock, 7 aborted, 8 RTO breached, 9 orchestrator unreachable, 130 interrupted
(the run goes on). Data goes to stdout, talk to stderr.`;

export function createProgram(): Command {
  const program = new Command('lifeboat')
    .description('Keeps a self-hosted AI appliance recoverable, and proves it.')
    .version(toolVersion)
    .addOption(new Option('-c, --config <file>', 'configuration').env('LIFEBOAT_CONFIG').default('lifeboat.yaml'))
    .addOption(new Option('-o, --output <format>', 'how data is printed').choices(['table', 'json']).default('table'))
    .option('--temporal <address>', 'another Temporal server than the configured one, for example 127.0.0.1:7233')
    .option(
      '--standalone',
      'start a private Temporal server and a worker for this command, where the usual one is gone',
    )
    .addHelpText('after', exitCodes);
  const globals = (): GlobalOptions => globalsOf(program);

  // A default command would swallow a misspelt one as its argument.
  program.usage('[options] [command]').helpCommand(true);
  program.argument('[words...]').action(async ([word]: readonly string[]) => {
    if (word !== undefined)
      throw new LifeboatError('InputInvalid', `unknown command \`${word}\``, { hint: hintFor(word, program) });
    await (await load.now()).now(globals());
  });
  program
    .command('now')
    .description('what is happening, and what to do next (as without a command)')
    .action(async () => (await load.now()).now(globals()));

  program
    .command('init')
    .description('write a commented lifeboat.yaml, create the repository and print the recovery kit')
    .option('--repository <path>', 'folder of the repository', '/backups')
    .option('--key-file <path>', 'where the key is kept', '/etc/lifeboat/key')
    .option('--appliance <name>', 'name of the appliance', 'wazuh-companion')
    .option('--no-encryption', 'a repository that everybody can read')
    .action(async (options) => (await load.init()).init(globals(), options));

  program
    .command('doctor')
    .description('check engines, permissions, key, disk space, clock, schedule and worker, with a hint each')
    .option('--try-recovery-kit <file>', 'open the repository with nothing but the printed kit')
    .option('--send-test', 'send a test message over every channel of notify')
    .option('--watchdog', 'for cron: only what is overdue, told over the channels of notify (works with Temporal dead)')
    .action(async ({ watchdog, ...options }) => {
      const { doctor, doctorWatchdog } = await load.doctor();
      await (watchdog === true ? doctorWatchdog(globals()) : doctor(globals(), options));
    });

  program
    .command('worker')
    .description('do the work of this host until SIGTERM')
    .option('--only <roles...>', `roles of this process: ${roles.join(', ')}`)
    .action(async (options) => (await load.worker()).worker(globals(), options));

  const components = ['--components <ids...>', 'component ids, separated by commas or blanks; all by default'] as const;
  const once = ['--idempotency-key <key>', 'however often it is said with this key, one run is started'] as const;
  const from = ['--from <location>', 'read the copy in this location instead of the repository'] as const;
  const backups = program.command('backups').description('make, list and show recovery points');
  backups
    .command('run')
    .description('make a backup now')
    .addOption(
      new Option('--type <type>', 'full; incremental: what changed since; or the components of one tier')
        .choices(backupTypes)
        .default('full'),
    )
    .option(...components)
    .option(...once)
    .option('--detach', 'do not wait for the end')
    .option('--reason <text>', 'why; stands in the evidence', '')
    .action(async (options) => (await load.backupsRun()).backupsRun(globals(), options));
  backups
    .command('list')
    .description('list recovery points, newest first (works with Temporal dead)')
    .option(...from)
    .action(async (options) => (await load.backups()).backupsList(globals(), options));
  backups
    .command('show')
    .argument('[id]', 'an id, a unique prefix, `newest` or `latest` (the newest good one)', 'newest')
    .description('show one recovery point (works with Temporal dead)')
    .option(...from)
    .action(async (id, options) => (await load.backups()).backupsShow(globals(), id, options));

  backups
    .command('hold')
    .argument('<id>', 'an id, a unique prefix, `newest` or `latest`')
    .description('keep a recovery point whatever its age, until it is released')
    .requiredOption('--reason <text>', 'why; stands in the repository')
    .action(async (id, options) => (await load.backupsHold()).backupsHold(globals(), id, options));
  backups
    .command('release')
    .argument('<id>', 'full id of a held recovery point')
    .description('let retention have a held recovery point')
    .action(async (id) => (await load.backupsHold()).backupsRelease(globals(), id));
  backups
    .command('recall')
    .argument('<id>', 'full id of a recovery point that retention removed, or that a copy still holds')
    .description('put a recovery point that is gone back while its objects are there (48 h)')
    .option(...from)
    .action(async (id, options) => (await load.backupsHold()).backupsRecall(globals(), id, options));
  backups
    .command('forget')
    .argument('<id>', 'full id of a recovery point that is gone or damaged')
    .description('say that a lost recovery point is gone for good: retention waits for it no more')
    .requiredOption('--reason <text>', 'why; stands in the repository')
    .action(async (id, options) => (await load.backupsHold()).backupsForget(globals(), id, options));

  program
    .command('verify')
    .argument('[id]', 'an id, a unique prefix, `newest` or `latest` (the newest good one)', 'newest')
    .description('read a stored recovery point again and authenticate it (works with Temporal dead)')
    .addHelpText(
      'after',
      '\nWithout an id it also reads archived WAL, keys, manifests, proofs and reports, and compares restore.sh.',
    )
    .option('--all', 'read every pack and index too, whoever needs it')
    .option(...from)
    .option(...components)
    .action(async (id, options) => (await load.verify()).verify(globals(), id, options));

  program
    .command('config')
    .description('what has to do with the configuration of the appliance')
    .command('changed')
    .description('back the configuration up now: something of it was changed (watched changes are seen by themselves)')
    .option('--detach', 'do not wait for the end')
    .option('--reason <text>', 'what was changed; stands in the evidence', 'told to be changed')
    .action(async (options) => (await load.backupsRun()).backupsRun(globals(), { ...options, type: 'configuration' }));
  addSchedules(program, globals);
  const retention = program.command('retention').description('remove what has had its time');
  const place = ['--place <name>', '`repository` or a location; all of them by default'] as const;
  retention
    .command('plan')
    .description('show what would leave and why, and what will be held (works with Temporal dead)')
    .option(...place)
    .action(async (options) => (await load.retention()).retentionPlan(globals(), options));
  retention
    .command('run')
    .description('remove it now')
    .option(...place)
    .option('--max-share <number>', 'of recovery points, that may leave at once; 0.2 by default')
    .option(...once)
    .option('--reason <text>', 'why; stands in the evidence', '')
    .action(async (options) => (await load.retentionRun()).retentionRun(globals(), options));

  program
    .command('prove')
    .argument('[id]', 'an id, a unique prefix or `latest` (the newest good one)', 'latest')
    .description('restore it beside the live data, open it in private with the real engines, and remove it again')
    .option(...components)
    .option(...once)
    .option('--detach', 'do not wait for the end')
    .action(async (id, options) => (await load.prove()).prove(globals(), id, options));

  const restore = program.command('restore').description('bring data back');
  const selection = (command: Command): Command =>
    command
      .option('--at <id>', 'recovery point: an id, a unique prefix or `latest`', 'latest')
      .option('--to-time <time>', 'to any moment: ISO 8601 with its zone, for example 2026-11-22T03:00:00Z')
      .option('--to-lsn <position>', 'to a WAL position of the database, for example 0/3000148')
      .option('--to-name <name>', 'to a named restore point (pg_create_restore_point)')
      .option('--to-latest', 'to the last acknowledged commit: the archive, and what the live server still has')
      .option(
        '--timeline <number>',
        'where the moment is looked for, if not on the timeline that was live then',
        timelineOf,
      )
      .option(...from)
      .option(...components)
      .option('--rebuild <ids...>', 'vector stores that are not restored: the application builds them anew afterwards')
      .option('--stop-first', "the guide's order: stop before verifying")
      .option('--replace-damaged', 'delete first what failed its own check, where two copies do not fit');
  selection(
    restore.command('plan').description('show what a restore would do; changes nothing (works with Temporal dead)'),
  ).action(async (options) => (await load.restorePlan()).restorePlan(globals(), options));
  selection(restore.command('start').description('restore; shows the plan and asks for the name of the appliance'))
    .option('--reason <text>', 'why; stands in the evidence')
    .option('--confirm <appliance>', 'name of the appliance, instead of being asked')
    .option('--keep-new', 'keep the restored data although a probe failed')
    .option('--disaster-at <time>', 'when it happened, ISO 8601: the RTO clock begins there')
    .option(...once)
    .option('--detach', 'do not wait for the end')
    .action(async (options) => (await load.restoreStart()).restoreStart(globals(), options));
  restore
    .command('watch')
    .argument('[run]', 'id of a run; the open restore by default')
    .description('follow a run until its end; Ctrl-C leaves it alone')
    .action(async (run) => (await load.restore()).restoreWatch(globals(), run));
  restore
    .command('abort')
    .argument('[run]', 'id of a restore; the open one by default')
    .description('stop a restore and put the old data back')
    .requiredOption('--reason <text>', 'why; stands in the evidence')
    .action(async (run, options) => (await load.restore()).restoreAbort(globals(), run, options));
  restore
    .command('pause')
    .argument('[run]', 'id of a restore; the open one by default')
    .description('let running steps end and begin no further one')
    .requiredOption('--reason <text>', 'why, for the evidence')
    .action(async (run, options) => (await load.restore()).restoreSteer(globals(), 'pause', run, options));
  restore
    .command('resume')
    .argument('[run]', 'id of a restore; the open one by default')
    .description('go on after a pause')
    .action(async (run) => (await load.restore()).restoreSteer(globals(), 'resume', run, {}));
  restore
    .command('undo')
    .description('make live again what the last restore replaced; asks for the name of the appliance')
    .option(...components)
    .option('--reason <text>', 'why; stands in the evidence')
    .option('--confirm <appliance>', 'name of the appliance, instead of being asked')
    .option(...once)
    .option('--detach', 'do not wait for the end')
    .action(async (options) => (await load.restoreUndo()).restoreUndo(globals(), options));
  restore
    .command('rebuild')
    .argument('<component>', 'a vector store with `rebuild` in lifeboat.yaml')
    .description('let the application build a vector store anew from what it keeps elsewhere')
    .option('--confirm <appliance>', 'name of the appliance, instead of being asked')
    .option('--reason <text>', 'why; stands in the evidence')
    .option(...once)
    .option('--detach', 'do not wait for the end')
    .action(async (component, options) => (await load.restoreRebuild()).restoreRebuild(globals(), component, options));
  restore
    .command('show')
    .argument('[run]', 'id of a run; the last restore by default')
    .description('the evidence of an ended run (works with Temporal dead)')
    .action(async (run) => (await load.restoreShow()).restoreShow(globals(), run));

  program
    .command('postgres')
    .description('what concerns a database server itself')
    .command('detach')
    .description('drop a replication slot of ours: the server keeps no more WAL for it')
    .argument('[component]', 'the database; needed where there are several')
    .option('--slot <name>', 'one that an earlier name of appliance or component left (`lifeboat doctor` lists them)')
    .action(async (component, options) => (await load.postgres()).postgresDetach(globals(), component, options));

  addService(program, globals);
  finish(program, 'lifeboat');
  return program;
}

function hintFor(word: string, program: Command): string {
  const meant = nearest(
    word,
    program.commands.map((each) => each.name()),
  );
  return `${meant === undefined ? '' : `did you mean \`${meant}\`? `}see \`lifeboat --help\``;
}

function timelineOf(text: string): number {
  const timeline = Number(text);
  if (Number.isInteger(timeline) && timeline > 0) return timeline;
  throw new LifeboatError('InputInvalid', `--timeline \`${text}\` is no number of one`, {
    hint: 'write for example 2',
  });
}

function addService(program: Command, globals: () => GlobalOptions): void {
  const service = program.command('service').description('let systemd keep Temporal, worker and watchdog running');
  const verb = (word: string, about: string): Command =>
    service
      .command(word)
      .description(about)
      .option('--root <folder>', 'in the tree of another machine, as an image that is built; starts nothing');
  verb('install', 'write the units, enable and start them').action(async (options) =>
    (await load.service()).serviceInstall(globals(), options),
  );
  verb('status', 'are they there, as they should be, and running?').action(async (options) =>
    (await load.service()).serviceStatus(globals(), options),
  );
  verb('uninstall', 'stop and remove the units; all data stays').action(async (options) =>
    (await load.service()).serviceUninstall(globals(), options),
  );
}

function addSchedules(program: Command, globals: () => GlobalOptions): void {
  const schedules = program.command('schedules').description('see and steer what runs by itself');
  schedules
    .command('list')
    .description('list the schedules with their last and next run')
    .action(async () => (await load.schedules()).schedulesList(globals()));
  schedules
    .command('plan')
    .description('in what the server differs from lifeboat.yaml; changes nothing')
    .action(async () => (await load.schedules()).schedulesPlan(globals()));
  schedules
    .command('apply')
    .description('make the schedules what lifeboat.yaml says; keeps pauses')
    .action(async () => (await load.schedules()).schedulesApply(globals()));
  const named = (word: string, about: string): Command =>
    schedules.command(word).description(about).addArgument(new Argument('<name>', 'schedule').choices(scheduleNames));
  named('pause', 'start nothing until it is resumed')
    .requiredOption('--reason <text>', 'why; everybody is shown it')
    .action(async (name, options) => (await load.schedules()).schedulesPause(globals(), name, options));
  named('resume', 'run again at its times').action(async (name) =>
    (await load.schedules()).schedulesResume(globals(), name),
  );
  named('trigger', 'run it now, unless a run of it is open').action(async (name) =>
    (await load.schedules()).schedulesTrigger(globals(), name),
  );
  named('backfill', 'run what would have been due in a stretch of time')
    .requiredOption('--after <time>', 'ISO 8601 with its zone')
    .option('--until <time>', 'ISO 8601 with its zone; now by default')
    .action(async (name, options) => (await load.schedules()).schedulesBackfill(globals(), name, options));
}

export function globalsOf(program: Command): GlobalOptions {
  return {
    ...program.opts<GlobalOptions>(),
    configGiven: program.getOptionValueSource('config') === 'cli',
  };
}

/** What subcommands do not inherit: throw instead of exit, errors with a hint, the global options in their help. */
function finish(command: Command, path: string): void {
  command
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ outputError: (text) => say(`${text.trim()}\n  hint: see \`${path} --help\``) });
  for (const child of command.commands) finish(child, `${path} ${child.name()}`);
}
