/** What `doctor` finds without Temporal: configuration, repository, key, disk, clock, engines, services. Never throws. */
import type { LoadedConfiguration } from '../../config/load.ts';
import type { Appliance } from '../../domain/appliance.ts';
import { formatBytes, formatDuration } from '../../domain/duration.ts';
import { isLifeboatError } from '../../domain/errors.ts';
import type { BackupId } from '../../domain/recovery-point.ts';
import { maxSkewSeconds } from '../../domain/skew.ts';
import type { Driver } from '../../drivers/driver.ts';
import type { Platform } from '../../platform/platform.ts';
import type { Repository } from '../../repository/repository.ts';
import { diagnoseLocations, type Places } from './locations.ts';
import { pointFindings } from './recovery-points.ts';
import { newestIn } from '../backup/find-record.ts';
import { scriptFindings } from './rescue-scripts.ts';
import { safetyCopyFindings } from './safety-copies.ts';
import { strayFindings } from './strays.ts';
import type { Finding } from '../../domain/finding.ts';

export interface Subject extends Places {
  readonly configuration: LoadedConfiguration;
  readonly driver: (component: string) => Promise<Driver>;
  readonly platform: Platform;
  /** What others know to have been sealed: by id, who says so. */
  readonly sealed?: () => Promise<ReadonlyMap<BackupId, string>>;
}

export async function diagnose({
  configuration,
  repository,
  storage,
  driver,
  platform,
  sealed = async () => new Map(),
}: Subject): Promise<Finding[]> {
  const { appliance } = configuration;
  const newest = newestCaptures(repository);
  const warnings = configuration.warnings.map((text): Finding => ({ name: 'configuration', level: 'warn', text }));
  const groups = await Promise.all([
    diagnoseRepository(repository, appliance, sealed),
    diagnoseLocations(appliance, { repository, storage }),
    platform.check(),
    ...appliance.components.map(async (config) => {
      const { id } = config;
      const kept = await safetyCopyFindings(config).catch((error: unknown) => [
        findingOf('old data of a restore', error),
      ]);
      const own = await driver(id);
      const found = [...(await own.check((await newest)(id))), ...(await archiveFindings(own, repository)), ...kept];
      return found.map((finding) => ofComponent(id, finding));
    }),
  ]);
  return [...warnings, ...groups.flat()];
}

type NewestCapture = Parameters<Driver['check']>[0];

/** The newest capture of each component; none where the repository cannot be asked, which its own findings say. */
async function newestCaptures(open: () => Promise<Repository>): Promise<(component: string) => NewestCapture> {
  try {
    const repository = await open();
    const listings = await repository.listManifests();
    return (component) => {
      const record = newestIn(listings, component);
      return record === undefined ? undefined : { repository, record };
    };
  } catch {
    return () => undefined;
  }
}

/** A repository that cannot be opened is told once, by itself. */
async function archiveFindings(driver: Driver, open: () => Promise<Repository>): Promise<Finding[]> {
  if (driver.checkArchive === undefined) return [];
  const repository = await open().catch(() => undefined);
  return repository === undefined ? [] : driver.checkArchive(repository);
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

async function diagnoseRepository(
  open: () => Promise<Repository>,
  { repository: { reserveBytes } }: Appliance,
  sealed: NonNullable<Subject['sealed']>,
): Promise<Finding[]> {
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
  const looks = [
    async () => [await spaceOf(repository, reserveBytes)],
    async () => [await clockOf(repository)],
    async () => [await kitOf(repository)],
    async () => scriptFindings(await repository.rescueScripts()),
    async () => pointFindings(repository, await sealed()),
    async () => strayFindings(await repository.strays(), repository.storage.description),
  ];
  const groups = await Promise.all(
    looks.map(async (look) => look().catch((error: unknown) => [findingOf('repository', error)])),
  );
  return [...found, ...groups.flat()];
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
  if (skew < maxSkewSeconds) return { name: 'clock', level: 'ok', text: `${formatDuration(skew)} from the storage's` };
  return {
    name: 'clock',
    level: 'fail',
    text: `${formatDuration(skew)} from the storage's clock`,
    hint: 'set the clock (chrony or systemd-timesyncd)',
  };
}

async function kitOf(repository: Repository): Promise<Finding> {
  if ((await repository.recoveryKitTriedAt()) !== undefined)
    return { name: 'recovery kit', level: 'ok', text: 'was tried and opens the repository' };
  return {
    name: 'recovery kit',
    level: 'warn',
    text: 'was never tried: nobody knows whether the printed key opens this repository',
    hint: 'type it into a file and run `lifeboat doctor --try-recovery-kit FILE`',
  };
}
