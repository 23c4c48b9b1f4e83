import type { ComponentConfig } from '../domain/appliance.ts';
import { rootsOf } from '../drivers/files/paths.ts';

/** The path beside which a component's swap journal lies, by configuration alone. */
export function firstLive(config: ComponentConfig): string {
  if ('dataDirectory' in config) return config.dataDirectory;
  return 'paths' in config ? (rootsOf(config.paths)[0] ?? '') : config.path;
}
