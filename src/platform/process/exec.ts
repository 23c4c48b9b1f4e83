/** Runs a program where a service runs: with its user, its folder and its environment. */
import { execa } from 'execa';
import type { ServiceConfig } from '../../domain/appliance.ts';
import { LifeboatError } from '../../domain/errors.ts';
import { startProblem } from '../../programs/missing.ts';
import { serviceSpawn } from './launch.ts';

/** Its exit code. ServiceFailed where the program could not be run or did not end in time. It says the program, not its arguments. */
export async function execInService(
  service: ServiceConfig,
  [program = '', ...args]: readonly string[],
  timeoutMs: number,
): Promise<number> {
  const { run } = service;
  const result = await execa(program, args, {
    ...(run.kind === 'process' ? await serviceSpawn({ ...service, run }) : {}),
    extendEnv: run.kind !== 'process',
    stdio: 'ignore',
    reject: false,
    timeout: timeoutMs,
  });
  const failed = (what: string): LifeboatError =>
    new LifeboatError('ServiceFailed', `\`${program}\` of service \`${service.name}\` ${what}`);
  if (result.timedOut) throw failed(`did not end within ${timeoutMs / 1000} s`);
  if (result.exitCode === undefined)
    throw failed(`could not be run: ${result.signal ?? (await startProblem(program, result.code))}`);
  return result.exitCode;
}
