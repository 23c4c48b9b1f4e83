/** The demo's own proof: every driver's probes against the running restored engines, and one chat through the app. */
import { randomUUID } from 'node:crypto';
import { wireParts } from '../../../workers/parts.ts';
import type { Appliance } from '../../domain/appliance.ts';
import type { ProbeResult } from '../../domain/recovery-point.ts';
import type { ChatAnswer } from '../appliance/app/companion.ts';
import { appUrl, type SampleAppliance } from '../appliance/description.ts';

/** Expected values come from the manifest read back from the repository, actual ones from the running engines. */
export async function probeAppliance(
  appliance: Appliance,
  backupId: string,
  from: string | undefined,
): Promise<ProbeResult[]> {
  const parts = wireParts(appliance);
  try {
    const repository = await parts.repository(undefined, from);
    const manifest = await repository.findManifest(backupId);
    const token = { lockStart: new Date(0).toISOString(), runId: 'demo', attempt: 1 };
    const results = await Promise.all(
      manifest.lifeboat.components.map(async (record) =>
        (await parts.driver(record.id)).probe({
          repository,
          record,
          token,
          staged: token,
          replaceDamaged: false,
          onProgress: () => undefined,
          signal: AbortSignal.timeout(300_000),
        }),
      ),
    );
    // The traffic wrote on there after the backup, and the archived WAL brought it back: the acknowledgements prove it.
    return results.flat().filter(({ name }) => name !== 'table public.audit_logs');
  } finally {
    await parts.close();
  }
}

/** One question goes through PostgreSQL, Redis and the vector search. */
export async function probeChat(sample: SampleAppliance): Promise<ProbeResult> {
  const text = 'repeated failed password guesses for root over ssh';
  const expected = '5 neighbours, 2 messages kept, session lives in redis';
  try {
    const response = await fetch(`${appUrl(sample)}/chat`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ session: randomUUID(), text }),
      signal: AbortSignal.timeout(60_000),
    });
    const body = (await response.json()) as Partial<ChatAnswer> & { detail?: string };
    const found = body.neighbours?.length ?? 0;
    const actual = response.ok
      ? `${found} neighbours, ${body.messages ?? 0} messages kept, session lives ${(body.sessionSeconds ?? 0) > 0 ? 'in' : 'NOT in'} redis`
      : `HTTP ${response.status}: ${body.detail ?? ''}`;
    return { component: 'app', name: 'chat', expected, actual, ok: actual === expected };
  } catch (error) {
    return { component: 'app', name: 'chat', expected, actual: (error as Error).message, ok: false };
  }
}
