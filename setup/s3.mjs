/** S3 servers of the sample appliance and of the tests. */
import { chmodSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fillCacheEntry } from './cache-entry.mjs';
import { run } from './commands.mjs';
import { download } from './download.mjs';
import { cachesToRead, firstWorking, onPath } from './search.mjs';
import { provide } from './step.mjs';

const versitygw = { version: '1.8.0', module: 'github.com/versity/versitygw/cmd/versitygw@v1.8.0' };
/** The last release of its source; the maker's own downloads carry no version in their names. */
const minio = {
  version: '20260212',
  module: 'github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c',
};

/** Path of `versitygw`: the S3 server of the sample appliance, plain files in a folder. */
export function provideVersitygw(cache, user) {
  return provideServer({
    name: 'versitygw',
    ...versitygw,
    cache,
    user,
    given: process.env.LIFEBOAT_VERSITYGW,
    fetchFromMaker: fetchVersitygw,
  });
}

/** Path of `minio`: it does what versitygw does not, encryption of its own among it. */
export function provideMinio(cache, user) {
  return provideServer({
    name: 'minio',
    ...minio,
    cache,
    user,
    given: process.env.LIFEBOAT_MINIO,
    fetchFromMaker: fetchMinio,
  });
}

async function provideServer({ name, version, module, cache, user, given, fetchFromMaker }) {
  const entry = `${name}-${version}`;
  const target = join(cache, entry);
  const cached = cachesToRead(cache).map((folder) => join(folder, entry, name));
  const go = await firstWorking([...onPath('go'), '/usr/local/go/bin/go'], ['version']);
  return provide({
    title: name,
    find: () => firstWorking([given, ...onPath(name), ...cached].filter(Boolean), ['--version'], user),
    sources: [
      { name: "the maker's download", get: () => fillCacheEntry(target, fetchFromMaker) },
      go && { name: `go install ${module}`, get: () => fillCacheEntry(target, (folder) => build(go, module, folder)) },
    ],
    command: `GOBIN=${target} go install ${module}`,
  });
}

async function build(go, module, folder) {
  await run(go, ['install', '-trimpath', '-ldflags=-s -w', module], { env: { ...process.env, GOBIN: folder } });
}

async function fetchVersitygw(folder) {
  const system = process.platform === 'darwin' ? 'Darwin' : 'Linux';
  const arch = process.arch === 'x64' ? 'x86_64' : 'arm64';
  const archive = join(folder, 'archive.tar.gz');
  const release = `https://github.com/versity/versitygw/releases/download/v${versitygw.version}`;
  await download(`${release}/versitygw_v${versitygw.version}_${system}_${arch}.tar.gz`, archive);
  await run('tar', ['-xzf', archive, '-C', folder, '--strip-components=1']);
  rmSync(archive);
}

async function fetchMinio(folder) {
  const arch = process.arch === 'x64' ? 'amd64' : 'arm64';
  const target = join(folder, 'minio');
  await download(`https://dl.min.io/server/minio/release/${process.platform}-${arch}/minio`, target);
  chmodSync(target, 0o755);
}
