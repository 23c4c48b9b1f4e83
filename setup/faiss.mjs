/** The native part of faiss-node. Its own install script is not run: where it cannot download, it clones and builds FAISS. */
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { aptCommand, hasApt, aptSource } from './apt.mjs';
import { fillCacheEntry, megabytesOf } from './cache-entry.mjs';
import { run, succeeds } from './commands.mjs';
import { cachesToRead } from './search.mjs';
import { provide } from './step.mjs';

const packages = ['libfaiss-dev', 'libopenblas-dev', 'g++'];
/** Debian's FAISS is older than the one the binding was written for: there `idx_t` is still a member of `Index`. */
const shim = '#include <faiss/Index.h>\nnamespace faiss { using idx_t = Index::idx_t; }\n';

/** Makes `require('faiss-node')` work in `checkout`. */
export function provideFaiss(checkout, cache, node, user) {
  const folder = join(checkout, 'node_modules', 'faiss-node');
  const installed = join(folder, 'build', 'Release', 'faiss-node.node');
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const entry = `faiss-node-${version}-${process.platform}-${process.arch}`;
  const cached = cachesToRead(cache)
    .map((place) => join(place, entry, 'faiss-node.node'))
    .find((path) => existsSync(path));
  return provide({
    title: 'FAISS',
    find: async () =>
      (await succeeds(node, ['-e', "require('faiss-node')"], { cwd: checkout, user })) ? installed : undefined,
    sources: [
      cached && { name: 'from the cache', get: () => place(cached, installed) },
      { name: "the maker's prebuilt binary", get: () => fetchPrebuilt(checkout, folder, node) },
      process.platform === 'linux' && {
        name: hasApt() ? `build with ${packages.join(', ')}` : 'build',
        get: async () => {
          const megabytes = await compile(checkout, folder, join(cache, entry));
          return megabytes + (await place(join(cache, entry, 'faiss-node.node'), installed));
        },
      },
    ],
    command: `${aptCommand(...packages)}, then call this again`,
  });
}

function fetchPrebuilt(checkout, folder, node) {
  const program = join(checkout, 'node_modules', 'prebuild-install', 'bin.js');
  return run(node, [program, '--runtime', 'napi'], { cwd: folder, timeoutSeconds: 60 }).then(() =>
    megabytesOf(join(folder, 'build')),
  );
}

async function compile(checkout, folder, entry) {
  let installedMegabytes = 0;
  const hasLibrary = () => succeeds('/bin/sh', ['-c', 'command -v g++ && test -e /usr/include/faiss/Index.h']);
  if (!(await hasLibrary())) {
    const apt = aptSource(...packages);
    if (apt === undefined) throw new Error(`${packages.join(', ')} are not all installed`);
    installedMegabytes = await apt.get();
  }
  const include = (name, below = '') => `-I${join(checkout, 'node_modules', name, below)}`;
  const flags = ['-O2', '-std=c++17', '-shared', '-fPIC', '-fopenmp', '-DNAPI_VERSION=6'];
  const headers = [include('node-api-headers', 'include'), include('node-addon-api')];
  const built = await fillCacheEntry(entry, async (temporary) => {
    const shimFile = join(temporary, 'shim.h');
    writeFileSync(shimFile, shim);
    const output = join(temporary, 'faiss-node.node');
    // The OpenMP run-time must be named: without it the binding builds, and fails to load.
    await run(
      'g++',
      [...flags, '-include', shimFile, ...headers, 'src/faiss.cc', '-o', output, '-lfaiss', '-lblas', '-lgomp'],
      { cwd: folder },
    );
  });
  return installedMegabytes + built;
}

async function place(source, target) {
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(source, `${target}.partial`);
  renameSync(`${target}.partial`, target);
  return megabytesOf(target);
}
