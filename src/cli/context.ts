/** What every command starts from: global options, configuration, parts. */
import { resolve } from 'node:path';
import { loadConfiguration } from '../config/load.ts';
import type { Appliance } from '../domain/appliance.ts';
import { wireParts, type Parts } from '../../workers/wire.ts';

export interface GlobalOptions {
  readonly config: string;
  readonly output: 'table' | 'json';
}

export function configPath({ config }: GlobalOptions): string {
  return resolve(config);
}

export async function loadAppliance(options: GlobalOptions): Promise<Appliance> {
  return (await loadConfiguration(configPath(options))).appliance;
}

/** Opens what a command needs and closes it whatever happens. */
export async function withParts<T>(options: GlobalOptions, use: (parts: Parts) => Promise<T>): Promise<T> {
  const parts = wireParts(await loadAppliance(options));
  try {
    return await use(parts);
  } finally {
    await parts.close();
  }
}

export function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value, null, 2));
}

export function listOf(text: string | undefined): string[] {
  return (text ?? '')
    .split(/[\s,]+/)
    .map((part) => part.trim())
    .filter((part) => part !== '');
}
