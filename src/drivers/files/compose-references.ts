/** Which files of the host a compose file needs: all that it names by env_file, bind volumes, configs, secrets, extends and include. */
import { basename, dirname, resolve } from 'node:path';
import { parseDocument } from 'yaml';

export interface ComposeReference {
  /** Where it stands in the compose file, for example `services.app.env_file`. */
  readonly at: string;
  /** Absolute. */
  readonly path: string;
  readonly kind: 'file' | 'volume';
}

export function isComposeFile(path: string): boolean {
  return /^(docker-)?compose([.-].*)?\.ya?ml$/.test(basename(path));
}

/**
 * `path` is the absolute path of the compose file. Undefined where it is not YAML. A path with a variable is passed
 * over: what it leads to is known only where the variables are.
 */
export function composeReferences(text: string, path: string): ComposeReference[] | undefined {
  const root = parse(text);
  if (root === undefined) return undefined;
  const found = [
    ...mapping(root['services']).flatMap(([name, service]) => ofService(service, `services.${name}`)),
    ...mapping(root['configs']).flatMap(([name, config]) => named(record(config)['file'], `configs.${name}`)),
    ...mapping(root['secrets']).flatMap(([name, secret]) => named(record(secret)['file'], `secrets.${name}`)),
    ...list(root['include']).flatMap((each) =>
      list(record(each)['path'] ?? each).flatMap((file) => named(file, 'include')),
    ),
  ];
  const fixed = found.filter((reference) => !reference.path.includes('$'));
  return fixed.map((reference) => ({ ...reference, path: resolve(dirname(path), reference.path) }));
}

/** With anchors and merge keys; tags of compose (`!reset`, `!override`) are passed over. */
function parse(text: string): Record<string, unknown> | undefined {
  const document = parseDocument(text, { merge: true, logLevel: 'silent' });
  if (document.errors.length > 0) return undefined;
  try {
    return record(document.toJS());
  } catch {
    // Aliases that unfold to more than any real file has.
    return undefined;
  }
}

function ofService(service: unknown, at: string): ComposeReference[] {
  const { env_file: envFile, volumes, extends: base } = record(service);
  return [
    ...list(envFile).flatMap((each) => {
      const { path, required } = record(each);
      return required === false ? [] : named(path ?? each, `${at}.env_file`);
    }),
    ...list(volumes).flatMap((each) => ofVolume(each, `${at}.volumes`)),
    ...named(record(base)['file'], `${at}.extends`),
  ];
}

/** `./data:/var/lib/data:ro`, or a mapping; a source without a leading dot or slash is the name of a volume. */
function ofVolume(volume: unknown, at: string): ComposeReference[] {
  if (typeof volume === 'string') {
    const [source = '', target] = volume.split(':');
    return target !== undefined && /^[./]/.test(source) ? [{ at, path: source, kind: 'volume' }] : [];
  }
  const { type, source } = record(volume);
  return type === 'bind' && typeof source === 'string' && !source.startsWith('~')
    ? [{ at, path: source, kind: 'volume' }]
    : [];
}

function named(path: unknown, at: string): ComposeReference[] {
  // A home directory is outside of what a relative path can name; `include` may name a remote repository.
  const isHere = typeof path === 'string' && !path.startsWith('~') && !/^\w+:/.test(path);
  return isHere ? [{ at, path, kind: 'file' }] : [];
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

function mapping(value: unknown): [name: string, value: unknown][] {
  return Object.entries(record(value));
}

function list(value: unknown): unknown[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value : [value];
}
