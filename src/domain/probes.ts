/**
 * The three outcomes of a probe: it holds, it failed, or it was not compared. What was not compared is neither success nor
 * failure, and is counted by itself wherever probes are counted. Pure.
 */
import { describeLeftOut, leftOutOf } from './left-out.ts';
import { plural } from './plural.ts';
import type { ComponentRecord, ProbeResult } from './recovery-point.ts';

type Outcome = Pick<ProbeResult, 'ok' | 'notCompared'>;

export function isHeld({ ok, notCompared }: Outcome): boolean {
  return ok && notCompared !== true;
}

export function isFailed({ ok, notCompared }: Outcome): boolean {
  return !ok && notCompared !== true;
}

/** What was expected could not be asked for; `why` says so. */
export function notCompared(probe: Pick<ProbeResult, 'component' | 'name' | 'expected'>, why: string): ProbeResult {
  return { ...probe, actual: `not compared: ${why}`, ok: false, notCompared: true };
}

/** What the capture of a component left out cannot be compared; nothing where it left nothing out. */
export function leftOutProbe({ id, facts }: Pick<ComponentRecord, 'id' | 'facts'>): ProbeResult[] {
  const expected = describeLeftOut(leftOutOf(facts));
  if (expected === '') return [];
  return [notCompared({ component: id, name: 'left out of the recovery point', expected }, 'the capture left it out')];
}

/** `12 probes hold`, `1 of 12 probes FAILED`, with `, 2 not compared` behind it where there are such. */
export function describeProbes(probes: readonly Outcome[]): string {
  const held = probes.filter(isHeld).length;
  const failed = probes.filter(isFailed).length;
  const others = probes.length - held - failed;
  const asked = plural(held + failed, 'probe');
  const text = failed > 0 ? `${failed} of ${asked} FAILED` : `${asked} ${held === 1 ? 'holds' : 'hold'}`;
  return others === 0 ? text : `${text}, ${others} not compared`;
}

/** Whether something of the stored content was compared with what is there, and holds. */
export function isProven(probes: readonly ProbeResult[]): boolean {
  return probes.some((probe) => probe.content === true && isHeld(probe));
}
