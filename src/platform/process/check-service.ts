import { access, constants, stat } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import type { ServiceConfig } from '../../domain/appliance.ts';
import { isLifeboatError } from '../../domain/errors.ts';
import { findOsUser } from './os-user.ts';
import { refuseForeignPidFile } from './pid-file.ts';
import { refuseForeignService } from './process-service.ts';
import type { Finding } from '../../domain/finding.ts';

/** What would keep this service from being started or stopped, seen without touching it. */
export async function checkService(service: ServiceConfig): Promise<Finding[]> {
  const { run } = service;
  const programs = run.kind === 'process' ? [run.command] : [run.start, run.stop, run.isRunning];
  const findings = await Promise.all(programs.map(([program]) => checkProgram(service, program)));
  if (run.kind === 'process') {
    findings.push(await checkUser(service, run.user));
    findings.push(
      await checkSteerable(service),
      await checkFolder(service, 'pidFile', dirname(run.pidFile)),
      await checkFolder(service, 'logFile', dirname(run.logFile)),
    );
  }
  const problems = findings.filter((finding) => finding !== undefined);
  return problems.length > 0
    ? problems
    : [{ name: `service ${service.name}`, level: 'ok', text: 'can be started and stopped from here' }];
}

async function checkProgram(service: ServiceConfig, program: string | undefined): Promise<Finding | undefined> {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const candidates =
    program === undefined ? [] : program.includes('/') ? [program] : folders.map((folder) => join(folder, program));
  const executable = await Promise.all(
    candidates.map((path) =>
      access(path, constants.X_OK).then(
        () => true,
        () => false,
      ),
    ),
  );
  if (executable.includes(true)) return undefined;
  return problem(
    service,
    `\`${program ?? ''}\` is not a program on this host`,
    'install it, or correct the command in lifeboat.yaml',
  );
}

async function checkUser(service: ServiceConfig, name: string | undefined): Promise<Finding | undefined> {
  const self = process.getuid?.();
  if (name === undefined) {
    return self === 0
      ? {
          ...problem(service, 'has no `user`: a worker of root runs it as root', 'name one for it in lifeboat.yaml'),
          level: 'warn',
        }
      : undefined;
  }
  try {
    const { uid } = await findOsUser(name);
    if (self === 0 || self === uid) return undefined;
    return problem(service, `runs as \`${name}\`, which only root may arrange`, `run the worker as root or as ${name}`);
  } catch (error) {
    return problem(service, (error as Error).message, `useradd --system ${name}`);
  }
}

async function checkSteerable(service: ServiceConfig): Promise<Finding | undefined> {
  try {
    await refuseUnsteerableService(service);
    return undefined;
  } catch (error) {
    if (!isLifeboatError(error)) return undefined; // The folder is looked at by itself.
    return problem(service, error.message, error.hint);
  }
}

/**
 * Precondition where the service could neither be stopped nor started: somebody else wrote its pid file, or another process
 * answers in its place.
 */
export async function refuseUnsteerableService(service: ServiceConfig): Promise<void> {
  const { name, run } = service;
  if (run.kind !== 'process') return;
  await refuseForeignPidFile(run.pidFile, name);
  await refuseForeignService({ ...service, run });
}

/** The nearest folder that exists decides: the rest is made at the first start. */
async function checkFolder(service: ServiceConfig, key: string, folder: string): Promise<Finding | undefined> {
  const existing = await stat(folder).catch(() => undefined);
  if (existing === undefined && dirname(folder) !== folder) return checkFolder(service, key, dirname(folder));
  const isWritable = await access(folder, constants.W_OK).then(
    () => true,
    () => false,
  );
  if (isWritable && existing?.isDirectory()) return undefined;
  return problem(
    service,
    `its ${key} cannot be made below ${folder}`,
    `make ${folder} writable for the worker, or choose another ${key}`,
  );
}

function problem(service: ServiceConfig, text: string, hint: string): Finding {
  return { name: `service ${service.name}`, level: 'fail', text, hint };
}
