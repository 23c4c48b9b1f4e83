/** Engines of this host: their data lies where they say, and their programs are the host's own. */
import { once } from 'node:events';
import { open, rm } from 'node:fs/promises';
import { execa } from 'execa';
import { engineEnvironment } from '../../domain/inherited-environment.ts';
import type { EngineEnd, EngineProcess, EngineRun, EngineServer, Owner, Target, ToolResult } from '../target.ts';
import { spawnGuarded } from './guarded-child.ts';
import { holdersOf } from './holders.ts';
import { findOsUser } from './os-user.ts';

/** A tool may print every record of a segment. */
const maxOutputBytes = 512 * 2 ** 20;

export function createProcessTarget(): Target {
  return {
    locate: async () => ({ onHost: (named) => named, reach: (configured) => configured }),
    user: async (_component, name) => findOsUser(name),
    versionOf: async (_component, program) => {
      const { exitCode, stdout } = await execa(program, ['--version'], { reject: false });
      return exitCode === 0 ? stdout : undefined;
    },
    runTool: async (_component, run) => runTool(run),
    runEngine: async (_component, server) => runEngine(server),
    holders: holdersOf,
  };
}

async function runTool({ command: [program, ...args], argv0, env, user }: EngineRun): Promise<ToolResult> {
  const result = await execa(program, args, {
    env: { ...engineEnvironment(process.env), ...env },
    extendEnv: false,
    reject: false,
    stripFinalNewline: false,
    maxBuffer: maxOutputBytes,
    ...(argv0 === undefined ? {} : { argv0 }),
    ...asOther(user),
  });
  // A program that could not be started has no exit code.
  return {
    exitCode: result.exitCode ?? 127,
    stdout: result.stdout,
    stderr: result.stderr || (result.shortMessage ?? ''),
  };
}

async function runEngine({ command, env, user, cwd, lastSignal, logFile }: EngineServer): Promise<EngineProcess> {
  // The folder may be the engine's own, and a link in it must not lead root elsewhere.
  await rm(logFile, { force: true });
  const log = await open(logFile, 'wx', 0o600);
  try {
    const child = spawnGuarded({
      command,
      cwd,
      env: { ...engineEnvironment(process.env), ...env },
      output: [log.fd, log.fd],
      user: asOther(user),
      lastSignal,
    });
    const ended = (): EngineEnd | undefined => {
      const { pid, exitCode, signalCode } = child;
      if (pid === undefined) return { exitCode: null, how: 'it could not be started' };
      if (exitCode === null && signalCode === null) return undefined;
      return { exitCode, how: String(exitCode ?? signalCode) };
    };
    const exited =
      ended() === undefined
        ? once(child, 'exit').then(() => ended() as EngineEnd)
        : Promise.resolve(ended() as EngineEnd);
    return { ended, exited, kill: (signal) => void child.kill(signal) };
  } finally {
    await log.close();
  }
}

/** Only root may run what another user is to run. */
function asOther(user: Owner | undefined): Owner | undefined {
  return user !== undefined && process.getuid?.() === 0 ? { uid: user.uid, gid: user.gid } : undefined;
}
