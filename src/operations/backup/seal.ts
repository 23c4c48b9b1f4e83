/** Gathers the receipts of all components and seals the recovery point: the manifest is the last object written. */
import type { Appliance } from '../../domain/appliance.ts';
import type { BackupId, BackupType, JsonValue, Manifest, ManifestBody, Receipt } from '../../domain/recovery-point.ts';
import type { Repository } from '../../repository/repository.ts';
import { toolVersion } from '../../telemetry/version.ts';

export interface SealOptions {
  readonly repository: Repository;
  readonly appliance: Appliance;
  readonly backupId: BackupId;
  readonly type: BackupType;
  readonly startedAt: string;
  readonly receipts: readonly Receipt[];
  readonly failures: ManifestBody['failures'];
  readonly workflow: ManifestBody['workflow'];
}

/** May run twice: an existing manifest of this id with the same components is the result. */
export async function sealBackup(options: SealOptions): Promise<Manifest> {
  const { repository, appliance, backupId } = options;
  return repository.seal({
    timestamp: backupId,
    configuration: describeConfiguration(appliance),
    body: {
      appliance: appliance.name,
      type: options.type,
      tool: `lifeboat ${toolVersion}`,
      startedAt: options.startedAt,
      components: options.receipts.map(({ notes: _told, ...record }) => record),
      failures: options.failures,
      workflow: options.workflow,
    },
  });
}

/** D7 `configuration`: what was configured, without paths to secrets or their values. */
function describeConfiguration(appliance: Appliance): Readonly<Record<string, JsonValue>> {
  return {
    appliance: appliance.name,
    components: Object.fromEntries(appliance.components.map(({ id, kind, tier, host }) => [id, { kind, tier, host }])),
    encryption: appliance.repository.encryption.mode,
  };
}
