/**
 * Paths that may not lie inside each other. A restore moves a live path as a whole, with all that lies in it: data of
 * another component would go aside with it, excluded there or not. Two places of copies in one would count as two, and
 * the retention of one would remove what the other keeps.
 */
import { resolve } from 'node:path';
import type { Configuration } from './schema/configuration.ts';
import type { CrossProblem } from './problem.ts';

/** One live path of a component, and the key that names it. */
interface LivePath {
  readonly component: string;
  readonly host: string;
  readonly path: string;
  readonly key: readonly string[];
}

export function overlaps(config: Configuration): CrossProblem[] {
  const lives = Object.entries(config.components).flatMap(([id, component]) => livePathsOf(id, component));
  return [
    ...withRepository(config, lives),
    ...withState(config, lives),
    ...betweenComponents(lives),
    ...withLocations(config, lives),
    ...betweenPlaces(config),
  ];
}

/** X13: a repository inside what it backs up (or beneath another's data) grows without end and dies with it. */
function withRepository({ repository }: Configuration, lives: readonly LivePath[]): CrossProblem[] {
  return lives
    .filter(({ path }) => isInside(repository.path, path) || isInside(path, repository.path))
    .map(({ path, key }) => ({
      path: key,
      message: `\`${path}\` and the repository \`${repository.path}\` lie inside each other`,
    }));
}

/** A worker whose own folder moves aside loses its private servers in the middle of a restore. */
function withState({ state }: Configuration, lives: readonly LivePath[]): CrossProblem[] {
  return lives
    .filter(({ path }) => isInside(state, path))
    .map(({ path, component }) => ({
      path: ['state'],
      message: `\`${state}\` lies inside \`${path}\` of component \`${component}\`: a restore of it would move Lifeboat's own folder away; choose another one`,
    }));
}

/** A folder of copies inside what is backed up would be backed up too, and be moved away by a restore. */
function withLocations({ locations }: Configuration, lives: readonly LivePath[]): CrossProblem[] {
  return Object.entries(locations).flatMap(([name, location]) =>
    location.kind === 'local'
      ? lives
          .filter(({ path }) => isInside(location.path, path) || isInside(path, location.path))
          .map(({ path, component }) => ({
            path: ['locations', name, 'path'],
            message: `\`${location.path}\` and \`${path}\` of component \`${component}\` lie inside each other`,
          }))
      : [],
  );
}

/** Repository and locations, by the server that holds them and the path there. */
function betweenPlaces({ repository, locations }: Configuration): CrossProblem[] {
  const places = [
    { what: 'the repository', key: ['repository', 'path'], server: '', path: repository.path },
    ...Object.entries(locations).map(([name, location]) => ({
      what: `location \`${name}\``,
      key: ['locations', name],
      ...addressOf(location),
    })),
  ];
  return places.flatMap(({ key, what, server, path }, number) =>
    places
      .slice(0, number)
      .filter((other) => other.server === server && (isInside(path, other.path) || isInside(other.path, path)))
      .map((other) => ({
        path: key,
        message: `${what} and ${other.what} lie in the same place or inside each other; give each a place of its own`,
      })),
  );
}

function addressOf(location: Configuration['locations'][string]): { readonly server: string; readonly path: string } {
  switch (location.kind) {
    case 'local':
      return { server: '', path: location.path };
    case 'ssh':
      return { server: `ssh ${location.hostname.toLowerCase()} ${location.port}`, path: location.path };
    case 's3':
      return {
        server: `s3 ${location.endpoint ?? ''} ${location.bucket}`,
        path: `/${location.prefix ?? ''}`,
      };
  }
}

function betweenComponents(lives: readonly LivePath[]): CrossProblem[] {
  return lives.flatMap((first, number) =>
    lives
      .slice(number + 1)
      .filter(({ component, host }) => component !== first.component && host === first.host)
      .flatMap((second) => betweenTwo(first, second)),
  );
}

/** Told of the path that is too wide, or of the later one of two that are the same. */
function betweenTwo(first: LivePath, second: LivePath): CrossProblem[] {
  if (resolve(first.path) === resolve(second.path)) {
    const message = `\`${second.path}\` belongs to component \`${first.component}\` already; take it out of one of them`;
    return [{ path: second.key, message }];
  }
  const [outer, inner] = isInside(second.path, first.path) ? [first, second] : [second, first];
  if (!isInside(inner.path, outer.path)) return [];
  return [
    {
      path: outer.key,
      message: `\`${outer.path}\` holds \`${inner.path}\` of component \`${inner.component}\`, and a restore of it would move both away, excluded or not; name what lies beside it instead`,
    },
  ];
}

/** What a restore of the component may switch. */
function livePathsOf(id: string, component: Configuration['components'][string]): LivePath[] {
  const named = (path: string, ...key: string[]): LivePath => ({
    component: id,
    host: component.host,
    path,
    key: ['components', id, ...key],
  });
  switch (component.kind) {
    case 'files':
      return component.paths.map((path, index) => named(path, 'paths', String(index)));
    case 'redis':
      return [
        named(component.dataDirectory, 'dataDirectory'),
        ...component.configFiles.map((path, index) => named(path, 'configFiles', String(index))),
      ];
    case 'postgres':
      return [named(component.dataDirectory, 'dataDirectory')];
    case 'vectorstore':
    case 'models':
      return [named(component.path, 'path')];
  }
}

function isInside(inner: string, outer: string): boolean {
  return `${resolve(inner)}/`.startsWith(`${resolve(outer).replace(/\/$/, '')}/`);
}
