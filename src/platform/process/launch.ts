import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, open, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { LifeboatError } from '../../domain/errors.ts';
import { serviceEnvironment } from '../../domain/inherited-environment.ts';
import type { ServiceConfig } from '../../domain/appliance.ts';
import { findOsUser } from './os-user.ts';
import { createPidFile } from './pid-file.ts';
import { printStarted } from './process-table.ts';

export type ProcessService = ServiceConfig & { readonly run: { readonly kind: 'process' } };

export interface ServiceSpawn {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Only where root runs it for another. */
  readonly uid?: number;
  readonly gid?: number;
}

/** Writes who it is into the pid file, which it was handed as descriptor 3, and becomes the service. */
const launcher = `printf '%s\\n%s\\n' "$$" ${printStarted} >&3 && exec 3>&- && exec "$@"`;

/**
 * Starts a service detached from this process: own session, own log, no terminal. Returns at once; whether it lives and
 * is ready shows later. False when another start was first. ServiceFailed when it cannot be launched at all.
 */
export async function launch(service: ProcessService): Promise<boolean> {
  const { run } = service;
  const options = await serviceSpawn(service);
  await mkdir(dirname(run.pidFile), { recursive: true });
  await mkdir(dirname(run.logFile), { recursive: true });
  const log = await open(run.logFile, 'a', 0o640);
  const pidFile = await createPidFile(run.pidFile);
  try {
    if (pidFile === undefined) return false;
    const stdio = ['ignore', log.fd, log.fd, pidFile.fd] as const;
    const child = spawn('/bin/sh', ['-c', launcher, service.name, ...run.command], {
      ...options,
      detached: true,
      stdio: [...stdio],
    });
    child.unref();
    await once(child, 'spawn');
    return true;
  } catch (cause) {
    await rm(run.pidFile, { force: true });
    throw new LifeboatError(
      'ServiceFailed',
      `service \`${service.name}\` cannot be launched: ${(cause as Error).message}`,
      { cause },
    );
  } finally {
    await log.close();
    await pidFile?.close();
  }
}

/** Folder, environment and user of a service's programs. ServiceFailed, PermissionDenied. */
export async function serviceSpawn(service: ProcessService): Promise<ServiceSpawn> {
  const { cwd = '/', env, user: userName } = service.run;
  if (!(await stat(cwd).catch(() => undefined))?.isDirectory()) {
    throw new LifeboatError(
      'ServiceFailed',
      `service \`${service.name}\` has no folder to run in: \`${cwd}\` is not there`,
    );
  }
  const user = userName === undefined ? undefined : await findOsUser(userName);
  const self = process.getuid?.();
  if (user !== undefined && self !== 0 && user.uid !== self) {
    throw new LifeboatError(
      'PermissionDenied',
      `service \`${service.name}\` runs as \`${user.name}\`, which only root may arrange`,
      {
        hint: `run the worker as root or as ${user.name}`,
      },
    );
  }
  const account: Record<string, string> =
    user === undefined ? {} : { HOME: user.home, USER: user.name, LOGNAME: user.name };
  const identity = user !== undefined && self === 0 ? { uid: user.uid, gid: user.gid } : {};
  return { cwd, env: { ...serviceEnvironment(process.env), ...account, ...env }, ...identity };
}
