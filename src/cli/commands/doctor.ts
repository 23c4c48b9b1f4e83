/** `lifeboat doctor`: every engine, permission, key, disk, clock, schedule and the way to people, with a hint each. */
import { readFile } from 'node:fs/promises';
import { withClient } from '../../client/temporal/connection.ts';
import { diagnoseOrchestrator } from '../../client/diagnose.ts';
import { sealedPoints } from '../../client/sealed-points.ts';
import { loadConfiguration } from '../../config/load.ts';
import type { Appliance } from '../../domain/appliance.ts';
import { LifeboatError } from '../../domain/errors.ts';
import { sendTestMessages } from '../../operations/doctor/channels.ts';
import { diagnose, findingOf } from '../../operations/doctor/repository.ts';
import { watchOnce } from '../../operations/doctor/watch-once.ts';
import { tryRecoveryKit } from '../../repository/recovery-kit.ts';
import { createLocalStorage } from '../../storage/local/local-storage.ts';
import { wireParts, type Parts } from '../../../workers/parts.ts';
import { withParts } from '../context.ts';
import { configPath, withConfig, type GlobalOptions } from '../globals.ts';
import { print, printJson, say } from '../output/speak.ts';
import { exit } from '../exit.ts';
import { columnsOf } from '../output/redraw.ts';
import { plural } from '../../domain/plural.ts';
import { wrap } from '../output/wrap.ts';
import type { Finding } from '../../domain/finding.ts';

export interface DoctorOptions {
  readonly tryRecoveryKit?: string;
  readonly sendTest?: boolean;
}

/** A plain look for cron or a timer, and the guard of databases: what is wrong on stdout, news to the webhook, exit 1 while something is wrong. */
export async function doctorWatchdog(globals: GlobalOptions): Promise<void> {
  await withParts(globals, async ({ appliance, repository, notifier, driver }) => {
    const { problems, news, tell } = await watchOnce({ appliance, repository, notifier, driver }, new Date());
    if (globals.output === 'json') printJson({ problems, news });
    else for (const problem of problems) print(wrap(problem, columnsOf(process.stdout), '  '));
    await tell();
    if (problems.length > 0) process.exitCode = exit.failed;
    else if (globals.output !== 'json') print('all is well');
  });
}

export async function doctor(globals: GlobalOptions, options: DoctorOptions): Promise<void> {
  const configuration = await loadConfiguration(configPath(globals));
  const parts = wireParts(configuration.appliance, (message) => say(`warning: ${message}`));
  try {
    const kit = options.tryRecoveryKit === undefined ? [] : [await tryKit(parts, options.tryRecoveryKit)];
    const [here, orchestrator, message] = await Promise.all([
      diagnose({ configuration, ...parts, sealed: async () => sealedByTemporal(configuration.appliance) }),
      diagnoseOrchestrator(configuration.appliance),
      options.sendTest === true ? sendTestMessages(parts.notifier, parts.appliance.name, new Date()) : [],
    ]);
    // Of a kit that was just tried the other line would say the opposite, or the same again.
    const others = kit.length === 0 ? here : here.filter(({ name }) => name !== kitName);
    show(globals, [...kit, ...others, ...orchestrator, ...message]);
  } finally {
    await parts.close();
  }
}

/** Nothing while it does not answer: that is told apart. */
async function sealedByTemporal(appliance: Appliance): Promise<ReadonlyMap<string, string>> {
  const sealed = await withClient(appliance, async (client) => sealedPoints(client, appliance)).catch(() => []);
  return new Map(sealed.map(({ id, by }) => [id, by]));
}

const kitName = 'recovery kit';

async function tryKit({ appliance }: Parts, file: string): Promise<Finding> {
  try {
    const kit = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      throw new LifeboatError('InputInvalid', `cannot read \`${file}\`: ${error.code}`, {
        hint: 'type the four lines of the recovery kit into a file, and name that file',
      });
    });
    const { repositoryId } = await tryRecoveryKit(createLocalStorage(appliance.repository.path), kit);
    return { name: kitName, level: 'ok', text: `opens repository ${repositoryId}` };
  } catch (error) {
    return findingOf(kitName, error);
  }
}

/** The worst last: there it stays on the screen. */
const order = ['ok', 'warn', 'fail'] as const;

function show(globals: GlobalOptions, findings: readonly Finding[]): void {
  const failed = findings.filter(({ level }) => level === 'fail').length;
  const warned = findings.filter(({ level }) => level === 'warn').length;
  if (globals.output === 'json') printJson(findings);
  else {
    const mark = { ok: 'ok  ', warn: 'WARN', fail: 'FAIL' } as const;
    const columns = columnsOf(process.stdout);
    for (const { name, level, text, hint } of order.flatMap((wanted) =>
      findings.filter(({ level }) => level === wanted),
    )) {
      print(wrap(`${mark[level]} ${name}: ${text}`, columns, '     '));
      if (hint !== undefined && level !== 'ok')
        print(wrap(`     hint: ${withConfig(globals, hint)}`, columns, '           '));
    }
    print(`${findings.length - failed - warned} ok, ${plural(warned, 'warning')}, ${plural(failed, 'failure')}`);
  }
  if (failed > 0) process.exitCode = exit.failed;
  else if (warned > 0) process.exitCode = exit.degraded;
}
