/** `lifeboat worker` */
import { roles, type Role } from '../../domain/component.ts';
import { LifeboatError } from '../../domain/errors.ts';
import { createLogger } from '../../telemetry/logger.ts';
import { runWorker } from '../../../workers/main.ts';
import { becomeLean } from '../lean-process.ts';
import { listOf, loadAppliance, say, type GlobalOptions } from '../context.ts';
import { describeError, exitCodeOf } from '../exit.ts';

export async function worker(globals: GlobalOptions, options: { readonly only?: readonly string[] }): Promise<void> {
  becomeLean();
  const appliance = await loadAppliance(globals);
  const only = options.only === undefined ? undefined : listOf(options.only).map(parseRole);
  try {
    await runWorker({
      appliance,
      only,
      log: createLogger(),
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
