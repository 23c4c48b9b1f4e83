/** The hash of a plan: over everything that a person agrees to, and over nothing that changes while it is read. */
import { createHash } from 'node:crypto';
import type { RestorePlan, UnhashedPlan } from '../../domain/restore/types.ts';
import { toJson } from '../../json/to-json.ts';

/** Bytes, estimates, free space and the age of what comes back move by themselves: they are no part of it. */
export function hashed(plan: UnhashedPlan): RestorePlan {
  const { version, appliance, foreign, backupId, undoes, components, rebuilds, stops, keepNew, replaceDamaged } = plan;
  const { notHeld, passedOver } = plan;
  const agreed = {
    version,
    appliance,
    foreign: foreign ?? null,
    backupId,
    undoes: undoes ?? null,
    components: components.map(({ id, kind, backupId: of, moment, wal, target, notes }) => ({
      id,
      kind,
      of: of ?? backupId,
      moment: moment ?? null,
      wal: wal ?? null,
      target: target ?? null,
      notes: notes ?? [],
    })),
    rebuilds: rebuilds ?? [],
    notHeld: notHeld ?? [],
    passedOver: passedOver ?? [],
    stops,
    steps: plan.steps.map(({ id, kind, subject, queue, after, phase, onFailure, gate }) => ({
      id,
      kind,
      subject,
      queue,
      after,
      phase,
      onFailure,
      gate: gate ?? null,
    })),
    keepNew,
    replaceDamaged,
  };
  return { ...plan, hash: createHash('sha256').update(toJson(agreed)).digest('hex') };
}
