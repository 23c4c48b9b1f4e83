/** What `doctor` finds of the places where copies live. Never throws. */
import type { Appliance, LocationConfig } from '../../domain/appliance.ts';
import { formatDuration } from '../../domain/duration.ts';
import { isLifeboatError } from '../../domain/errors.ts';
import { plural } from '../../domain/plural.ts';
import { maxSkewSeconds } from '../../domain/skew.ts';
import type { Repository } from '../../repository/repository.ts';
import type { Storage } from '../../storage/storage.ts';
import { goneFrom, lostHint } from '../recovery-points/lost.ts';
import { scriptFindings } from './rescue-scripts.ts';
import { strayFindings } from './strays.ts';
import type { Finding } from '../../domain/finding.ts';

export interface Places {
  readonly repository: (expectedId?: string, location?: string) => Promise<Repository>;
  readonly storage: (location?: string) => Promise<Storage>;
}

export async function diagnoseLocations({ locations }: Appliance, places: Places): Promise<Finding[]> {
  const found = await Promise.all(locations.map(async (location) => diagnoseLocation(location, places)));
  return [offHostOf(locations), ...found.flat()];
}

/** X1, X2: what lies on this host only is lost with it. */
function offHostOf(locations: readonly LocationConfig[]): Finding {
  const outside = locations.filter(({ offHost }) => offHost).map(({ name }) => name);
  if (outside.length > 0) return { name: 'off-host copies', level: 'ok', text: `go to ${outside.join(', ')}` };
  return {
    name: 'off-host copies',
    level: 'fail',
    text:
      locations.length === 0
        ? 'there is no location: the loss of this host would take every recovery point with it'
        : `none of ${locations.map(({ name }) => name).join(', ')} lies off this host`,
    hint: 'add an S3 bucket under `locations` in lifeboat.yaml (docs/configuration.md)',
  };
}

async function diagnoseLocation({ name }: LocationConfig, { repository, storage }: Places): Promise<Finding[]> {
  const subject = `location ${name}`;
  try {
    const place = await storage(name);
    const skew = Math.abs((await place.now()).getTime() - Date.now()) / 1000;
    if (skew > maxSkewSeconds)
      return [
        {
          name: subject,
          level: 'fail',
          text: `${formatDuration(skew)} from the clock of ${place.description}`,
          hint: 'set the clock here or there (chrony or systemd-timesyncd)',
        },
      ];
    const copy = await repository(undefined, name);
    const [newest, ...older] = (await copy.listManifests()).filter(({ isGone }) => isGone !== true);
    const points =
      newest === undefined
        ? 'no recovery point yet'
        : `${plural(older.length + 1, 'recovery point')}, newest ${newest.timestamp}`;
    return [
      { name: subject, level: 'ok', text: `${place.description}, ${points}` },
      ...(await wrongIn(copy, name, repository)).map((finding) => ({
        ...finding,
        name: `${subject}: ${finding.name}`,
      })),
    ];
  } catch (error) {
    if (isLifeboatError(error, 'RepositoryMissing'))
      return [
        {
          name: subject,
          level: 'warn',
          text: 'answers, and nothing was copied there yet',
          hint: 'a running worker copies after every backup: `lifeboat backups run`',
        },
      ];
    return [
      {
        name: subject,
        level: 'fail',
        text: error instanceof Error ? error.message : String(error),
        ...(isLifeboatError(error) ? { hint: error.hint } : {}),
      },
    ];
  }
}

/** What a copy has that speaks against it or against the repository. */
async function wrongIn(copy: Repository, location: string, open: Places['repository']): Promise<Finding[]> {
  const strays = strayFindings(await copy.strays(), copy.storage.description);
  const scripts = scriptFindings(await copy.rescueScripts());
  // A repository that cannot be opened is told of itself.
  const own = await open().catch(() => undefined);
  const gone = own === undefined ? [] : await goneFrom(own, copy, location);
  const lost: Finding = {
    name: 'recovery points',
    level: 'fail',
    text: `${gone.join(', ')}: gone from the repository, and held here`,
    hint: lostHint,
  };
  return [...(gone.length === 0 ? [] : [lost]), ...[...scripts, ...strays].filter(({ level }) => level !== 'ok')];
}
