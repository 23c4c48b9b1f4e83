/** `lifeboat worker` */
import { roles, type Role } from '../../domain/component.ts';
import { LifeboatError } from '../../domain/errors.ts';
import { becomeLean } from '../lean-process.ts';
import { listOf, loadAppliance } from '../context.ts';
import type { GlobalOptions } from '../globals.ts';
import { say } from '../output/speak.ts';
import { describeError, exitCodeOf } from '../exit.ts';

export async function worker(globals: GlobalOptions, options: { readonly only?: readonly string[] }): Promise<void> {
  becomeLean();
  // Only now, because the process that becomeLean left behind needs none of it.
  const [{ createLogger }, { runWorker }] = await Promise.all([
    import('../../telemetry/logger.ts'),
    import('../../../workers/main.ts'),
  ]);
  const appliance = await loadAppliance(globals);
  const only = options.only === undefined ? undefined : listOf(options.only).map(parseRole);
  const log = createLogger();
  // What nobody caught ends it. Where it came from stands in the log alone: it may never come again.
  process.on('uncaughtExceptionMonitor', ({ message, stack }) => log.fatal({ stack }, message));
  say(`connects to Temporal at ${appliance.temporal.address} …`);
  try {
    await runWorker({
      appliance,
      only,
      log,
      onReady: () => say(`worker of ${appliance.name} on host ${appliance.host} runs; stop it with Ctrl-C`),
    });
  } catch (error) {
    say(describeError(error, globals));
    // The SDK's runtime holds the process and takes SIGTERM for its own: a worker that failed would look alive for ever.
    process.exit(exitCodeOf(error));
  }
}

function parseRole(text: string): Role {
  const role = roles.find((known) => known === text);
  if (role === undefined)
    throw new LifeboatError('InputInvalid', `unknown role \`${text}\``, { hint: `known are ${roles.join(', ')}` });
  return role;
}
