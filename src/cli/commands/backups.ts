/** `lifeboat backups run|list|show` */
import { withClient, runUrl } from '../../client/connection.ts';
import { startRun } from '../../client/runs.ts';
import { formatBytes, formatDuration } from '../../domain/duration.ts';
import { isLifeboatError } from '../../domain/errors.ts';
import { timeOfBackupId, type JsonValue, type Manifest } from '../../domain/recovery-point.ts';
import type { Repository } from '../../repository/repository.ts';
import type { FullBackupResult } from '../../../workflows/messages.ts';
import {
  commandOf,
  componentsOf,
  listOf,
  loadAppliance,
  print,
  printJson,
  say,
  withParts,
  type GlobalOptions,
} from '../context.ts';
import { table } from '../output/table.ts';
import { requestedBy } from '../requested-by.ts';
import { watchRun } from '../watch.ts';

export interface RunOptions {
  readonly components?: string;
  readonly detach?: boolean;
  readonly reason: string;
}

export async function backupsRun(globals: GlobalOptions, options: RunOptions): Promise<void> {
  const appliance = await loadAppliance(globals);
  await withClient(appliance, async (client) => {
    const input = {
      components: componentsOf(appliance, listOf(options.components)),
      requestedBy: requestedBy(),
      reason: options.reason,
    };
    const { workflowId } = await startRun(
      client,
      appliance,
      'fullBackup',
      input,
      `full backup of ${appliance.name}, asked by ${requestedBy()}`,
    );
    say(`${workflowId}\n  ${runUrl(appliance, workflowId)}`);
    if (options.detach === true) return print(workflowId);
    const result = await watchRun<FullBackupResult>(client, workflowId, {
      again: commandOf(globals, `restore watch ${workflowId}`),
    });
    if (globals.output === 'json') return printJson(result);
    print(
      `${result.text}: ${formatBytes(result.bytes)}, ${formatBytes(result.storedBytes)} stored, ${formatDuration(result.seconds)}`,
    );
  });
}

export async function backupsList(globals: GlobalOptions): Promise<void> {
  await withParts(globals, async ({ repository: open }) => {
    const repository = await open();
    const listings = await repository.listManifests();
    const points = await Promise.all(
      listings.map(async ({ timestamp, manifest, problem }) => ({
        timestamp,
        date: timeOfBackupId(timestamp)?.toISOString() ?? '',
        status: manifest === undefined ? 'DAMAGED' : statusOf(manifest),
        size: manifest?.lifeboat.components.reduce((sum, { bytes }) => sum + bytes, 0) ?? 0,
        stored: manifest?.total_size ?? 0,
        files: manifest?.lifeboat.components.reduce((sum, { files }) => sum + files, 0) ?? 0,
        proof: manifest === undefined ? (problem ?? '') : await proofText(repository, timestamp),
      })),
    );
    if (globals.output === 'json') return printJson(points);
    if (points.length === 0) return say('no recovery point yet; make one with `lifeboat backups run`');
    print(
      table(
        ['TIMESTAMP', 'DATE', 'STATUS', 'SIZE', 'STORED', 'FILES', 'VERIFIED'],
        points.map(({ timestamp, date, status, size, stored, files, proof }) => [
          timestamp,
          `${date.slice(0, 16)}Z`,
          status,
          formatBytes(size),
          formatBytes(stored),
          String(files),
          proof,
        ]),
      ),
    );
  });
}

export async function backupsShow(globals: GlobalOptions, id: string): Promise<void> {
  await withParts(globals, async ({ repository: open }) => {
    const repository = await open();
    const manifest = await repository.findManifest(id);
    const proofs = await repository.listProofs(manifest.timestamp);
    if (globals.output === 'json') return printJson({ ...manifest, proofs });
    const { lifeboat } = manifest;
    print(
      [
        `recovery point ${manifest.timestamp} of ${lifeboat.appliance}: ${statusOf(manifest)}`,
        `made by ${lifeboat.tool}, sealed ${lifeboat.sealedAt}, skew ${formatDuration(lifeboat.skewSeconds)}`,
        '',
        table(
          ['COMPONENT', 'KIND', 'SIZE', 'NEW', 'FILES', 'CAPTURED UNTIL', 'STATE'],
          lifeboat.components.map((component) => [
            component.id,
            component.kind,
            formatBytes(component.bytes),
            formatBytes(component.storedBytes),
            String(component.files),
            component.capturedUntil.slice(0, 19),
            component.suspect ? 'SUSPECT' : component.quiescence,
          ]),
        ),
        ...lifeboat.failures.map(({ component, code, message }) => `FAILED ${component}: ${code}: ${message}`),
        ...proofs.map(
          (proof) => `proof: ${levelsOf(proof)} ${proof.ok === true ? 'ok' : 'FAILED'} at ${timeOf(proof)}`,
        ),
      ].join('\n'),
    );
  });
}

function statusOf({ success, lifeboat }: Manifest): string {
  if (!success) return 'PARTIAL';
  return lifeboat.components.some(({ suspect }) => suspect) ? 'SUSPECT' : 'ok';
}

/** One damaged proof must not hide all recovery points. */
async function proofText(repository: Repository, timestamp: string): Promise<string> {
  let proofs;
  try {
    proofs = await repository.listProofs(timestamp);
  } catch (error) {
    if (isLifeboatError(error, 'ObjectCorrupt')) return 'UNREADABLE';
    throw error;
  }
  const newest = proofs.filter(({ kind }) => kind === 'verify').sort((a, b) => timeOf(b).localeCompare(timeOf(a)))[0];
  if (newest === undefined) return 'never';
  const age = formatDuration(Math.max(0, Date.now() - Date.parse(timeOf(newest))) / 1000);
  return `${newest.ok === true ? levelsOf(newest) : 'FAILED'} ${age} ago`;
}

type Proof = Readonly<Record<string, JsonValue>>;

function levelsOf({ levels, kind }: Proof): string {
  if (Array.isArray(levels)) return levels.join('+');
  return typeof kind === 'string' ? kind : '';
}

function timeOf({ at }: Proof): string {
  return typeof at === 'string' ? at : '';
}
