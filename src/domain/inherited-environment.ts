/** What a child process is given of our own environment, which may hold keys and passwords: what every program needs. */

const needed = ['PATH', 'HOME', 'USER', 'LOGNAME', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR'];
/** Where an engine that is not the system's finds its libraries. */
const libraries = ['LD_LIBRARY_PATH', 'DYLD_LIBRARY_PATH'];

type Environment = Readonly<Record<string, string | undefined>>;

/** For programs of the operator. */
export function serviceEnvironment(own: Environment): Record<string, string> {
  return pick(own, needed);
}

/** For engines and loaders that we run for ourselves. */
export function engineEnvironment(own: Environment): Record<string, string> {
  return pick(own, [...needed, ...libraries]);
}

/** For our own programs: where their compiled code is kept, if it is. */
export function compiledCode(own: Environment): Record<string, string> {
  return pick(own, ['NODE_COMPILE_CACHE', 'NODE_DISABLE_COMPILE_CACHE']);
}

function pick(own: Environment, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.flatMap((name) => (own[name] === undefined ? [] : [[name, own[name]]])));
}
