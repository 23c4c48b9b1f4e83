/** On what was measured: without it a number means nothing. */
import { arch, cpus, loadavg, release, totalmem } from 'node:os';
import { statfs } from 'node:fs/promises';
import { formatBytes } from '../src/domain/duration.ts';
import { toolVersion } from '../src/telemetry/version.ts';
import { findCommand, runCommand } from './command.ts';

export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly kernel: string;
  readonly freeDiskBytes: number;
  readonly node: string;
  readonly lifeboat: string;
  readonly versions: Readonly<Record<string, string>>;
  /** Processes that wanted to run, mean of the last minute, before the first and after the last run. */
  readonly loadBefore: number;
  loadAfter: number;
}

/** `programs`: what each answers when it is asked for its version. */
export async function describeMachine(
  folder: string,
  programs: Readonly<Record<string, readonly [command: string, ...args: string[]]>>,
): Promise<Machine> {
  const { bavail, bsize } = await statfs(folder);
  return {
    processor: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryBytes: totalmem(),
    kernel: `${process.platform} ${release()} ${arch()}`,
    freeDiskBytes: bavail * bsize,
    node: process.version,
    lifeboat: toolVersion,
    versions: Object.fromEntries(
      await Promise.all(
        Object.entries(programs).map(async ([name, [command, ...args]]) => [name, await versionOf(command, args)]),
      ),
    ) as Record<string, string>,
    loadBefore: loadavg()[0]!,
    loadAfter: Number.NaN,
  };
}

/** First line of what a command says of itself; `absent` where there is none. */
export async function versionOf(command: string, args: readonly string[]): Promise<string> {
  const path = command.includes('/') ? command : findCommand(command);
  if (path === undefined) return 'absent';
  const { stdout } = await runCommand(path, args);
  return stdout.split('\n', 1)[0]!.trim();
}

export function machineText(machine: Machine): string {
  const { loadBefore, loadAfter } = machine;
  return [
    `machine   ${machine.cores} × ${machine.processor}, ${formatBytes(machine.memoryBytes)} memory, ${machine.kernel}`,
    `versions  ${[`lifeboat ${machine.lifeboat}`, `node ${machine.node}`, ...Object.values(machine.versions)].join(', ')}`,
    `load      ${loadBefore.toFixed(2)} before, ${loadAfter.toFixed(2)} after: at the beginning anything above 0.3 was other work that slowed all alike`,
  ].join('\n');
}
