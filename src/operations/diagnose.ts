/** What `doctor` finds without Temporal: configuration, repository, key, disk, clock, engines, services. Never throws. */
import type { LoadedConfiguration } from '../config/load.ts';
import { formatBytes, formatDuration } from '../domain/duration.ts';
import { isLifeboatError } from '../domain/errors.ts';
import { isRefuted } from '../domain/recovery-point.ts';
import { mostSkewSeconds } from '../domain/skew.ts';
import type { Driver, Finding } from '../drivers/driver.ts';
import type { Platform } from '../platform/platform.ts';
import type { Repository } from '../repository/repository.ts';
import { diagnoseLocations, type Places } from './diagnose-locations.ts';
import { safetyCopyFindings } from './safety-copies.ts';

export interface Subject extends Places {
  readonly configuration: LoadedConfiguration;
  readonly driver: (component: string) => Promise<Driver>;
  readonly platform: Platform;
}

export async function diagnose({ configuration, repository, storage, driver, platform }: Subject): Promise<Finding[]> {
  const { appliance } = configuration;
  const warnings = configuration.warnings.map((text): Finding => ({ name: 'configuration', level: 'warn', text }));
  const groups = await Promise.all([
    diagnoseRepository(repository, appliance.repository.reserveBytes),
    diagnoseLocations(appliance, { repository, storage }),
    platform.check(),
    ...appliance.components.map(async (config) => {
      const { id } = config;
      const kept = await safetyCopyFindings(config).catch((error: unknown) => [
        findingOf('old data of a restore', error),
      ]);
      return [...(await (await driver(id)).check()), ...kept].map((finding) => ofComponent(id, finding));
    }),
  ]);
  return [...warnings, ...groups.flat()];
}

/** Every finding says whose it is. */
function ofComponent(id: string, finding: Finding): Finding {
  return finding.name.startsWith(id) ? finding : { ...finding, name: `${id}: ${finding.name}` };
}

/** An error as a finding, with its own hint. */
export function findingOf(name: string, error: unknown): Finding {
  const hint = isLifeboatError(error) ? { hint: error.hint } : {};
  return { name, level: 'fail', text: error instanceof Error ? error.message : String(error), ...hint };
}

async function diagnoseRepository(open: () => Promise<Repository>, reserveBytes: number): Promise<Finding[]> {
  let repository: Repository;
  try {
    repository = await open();
  } catch (error) {
    const finding = findingOf('repository', error);
    return [
      isLifeboatError(error, 'RepositoryMissing')
        ? { ...finding, hint: 'create it with `lifeboat init`, or mount its disk' }
        : finding,
    ];
  }
  const found: Finding[] = [
    {
      name: 'repository',
      level: 'ok',
      text: `${repository.storage.description}, id ${repository.id}, ${repository.encrypted ? 'encrypted' : 'not encrypted'}`,
    },
  ];
  found.push(
    ...(await Promise.all(
      [spaceOf(repository, reserveBytes), clockOf(repository), kitOf(repository), pointsOf(repository)].map(guarded),
    )),
  );
  return found;
}

async function guarded(finding: Promise<Finding>): Promise<Finding> {
  return finding.catch((error: unknown) => findingOf('repository', error));
}

async function spaceOf({ storage }: Repository, reserveBytes: number): Promise<Finding> {
  const space = await storage.space();
  if (space === undefined) return { name: 'disk space', level: 'ok', text: 'the storage has no limit that it tells' };
  const text = `${formatBytes(space.freeBytes)} of ${formatBytes(space.totalBytes)} free`;
  if (space.freeBytes >= reserveBytes) return { name: 'disk space', level: 'ok', text };
  return {
    name: 'disk space',
    level: 'fail',
    text: `${text}, less than repository.reserve (${formatBytes(reserveBytes)})`,
    hint: `free ${formatBytes(reserveBytes - space.freeBytes)} there`,
  };
}

async function clockOf({ storage }: Repository): Promise<Finding> {
  const skew = Math.abs((await storage.now()).getTime() - Date.now()) / 1000;
  if (skew < mostSkewSeconds) return { name: 'clock', level: 'ok', text: `${formatDuration(skew)} from the storage's` };
  return {
    name: 'clock',
    level: 'fail',
    text: `${formatDuration(skew)} from the storage's clock`,
    hint: 'set the clock (chrony or systemd-timesyncd)',
  };
}

async function kitOf(repository: Repository): Promise<Finding> {
  const [tried] = await repository.listProofs('recovery-kit');
  if (tried !== undefined) return { name: 'recovery kit', level: 'ok', text: 'was tried and opens the repository' };
  return {
    name: 'recovery kit',
    level: 'warn',
    text: 'was never tried: nobody knows whether the printed key opens this repository',
    hint: 'type it into a file and run `lifeboat doctor --try-recovery-kit FILE`',
  };
}

/** What the proofs of the newest point say against it, or why they say nothing. */
async function proofOf(repository: Repository, timestamp: string): Promise<Finding | undefined> {
  const state = await repository.pointState(timestamp);
  if (isRefuted(state)) {
    return {
      name: 'recovery points',
      level: 'fail',
      text:
        state === 'failed'
          ? `the verification of the newest, ${timestamp}, failed`
          : `the newest, ${timestamp}, is quarantined`,
      hint: `\`lifeboat backups show ${timestamp}\` names what is damaged; \`lifeboat backups run\` stores it anew`,
    };
  }
  try {
    await repository.listProofs(timestamp);
    return undefined;
  } catch (error) {
    if (!isLifeboatError(error, 'ObjectCorrupt')) throw error;
    return {
      name: 'recovery points',
      level: 'warn',
      text: `a proof of the newest cannot be believed: ${error.message}`,
      hint: `verify it again: \`lifeboat verify ${timestamp}\``,
    };
  }
}

async function pointsOf(repository: Repository): Promise<Finding> {
  const listings = await repository.listManifests();
  const damaged = listings.filter(({ manifest }) => manifest === undefined);
  if (damaged.length > 0) {
    return {
      name: 'recovery points',
      level: 'fail',
      text: `${damaged.map(({ timestamp }) => timestamp).join(', ')} cannot be read`,
      hint: 'see `lifeboat backups list`',
    };
  }
  const newest = listings.find(({ manifest }) => manifest?.success === true)?.manifest;
  if (newest === undefined)
    return { name: 'recovery points', level: 'warn', text: 'there is none yet', hint: 'run `lifeboat backups run`' };
  return (
    (await proofOf(repository, newest.timestamp)) ?? {
      name: 'recovery points',
      level: 'ok',
      text: `${listings.length}, newest ${newest.timestamp}`,
    }
  );
}
