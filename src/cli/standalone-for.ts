import { fileURLToPath } from 'node:url';
import { LifeboatError } from '../domain/errors.ts';
import { atServer, loadAppliance } from './context.ts';
import { configPath, type GlobalOptions } from './globals.ts';
import type { Standalone } from './standalone.ts';

/** What `--standalone` asks for. InputInvalid where the command needs none or brings its own worker. */
export async function standaloneFor(globals: GlobalOptions, command: string): Promise<Standalone> {
  if (globals.temporal !== undefined)
    throw new LifeboatError('InputInvalid', '--standalone and --temporal exclude each other', {
      hint: 'give one of them',
    });
  if (command === 'worker' || command === 'init')
    throw new LifeboatError('InputInvalid', `\`lifeboat ${command}\` takes no --standalone`, {
      hint: 'give it to what needs a run, for example `lifeboat --standalone restore start`',
    });
  const appliance = await loadAppliance(globals);
  const script = process.argv[1] ?? fileURLToPath(new URL('main.mjs', import.meta.url));
  const { startStandalone } = await import('./standalone.ts');
  return startStandalone({
    appliance,
    at: (address) => atServer(appliance, address),
    workerCommand: (address) => [
      process.execPath,
      ...process.execArgv,
      script,
      '--config',
      configPath(globals),
      '--temporal',
      address,
      'worker',
    ],
  });
}
