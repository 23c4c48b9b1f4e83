/** What the clear facts of a record tell people: of a capture, and of a restore that is planned from it. Pure. */
import { describeLeftOut, leftOutOf } from './left-out.ts';
import { plural } from './plural.ts';
import type { JsonValue } from './recovery-point.ts';

type Facts = Readonly<Record<string, JsonValue>>;

/** The notes of a capture: what was left out first, then how engine and configuration differ, then the driver's own words. */
export function captureNotes(facts: Facts): string[] {
  const leftOut = describeLeftOut(leftOutOf(facts));
  const differs = differingSettings(facts);
  return [
    ...(leftOut === '' ? [] : [`left out: ${leftOut}`]),
    ...(differs === '' ? [] : [`runs with other settings than its configuration has: ${differs}`]),
    ...emptiedText(facts).map((text) => `captured ${text}; \`lifeboat doctor\` says which`),
    ...brokenNote(facts),
    ...deploymentNotes(facts),
    ...[facts['note'], ...listOf(facts['notes'])].filter((each) => typeof each === 'string'),
  ];
}

/** The notes of a planned restore: what does not come back, or not as it was. */
export function restoreNotes(facts: Facts): string[] {
  const leftOut = describeLeftOut(leftOutOf(facts));
  const differs = differingSettings(facts);
  return [
    ...(leftOut === '' ? [] : [`${leftOut} did not go into the recovery point and will not come back`]),
    ...(differs === ''
      ? []
      : [`when it was captured it ran with other settings than its configuration had: ${differs}`]),
    ...emptiedText(facts).map((text) => `a restore leaves ${text}`),
    ...brokenNote(facts),
    ...deploymentNotes(facts).map((note) => `when it was captured: ${note}`),
  ];
}

/** How many configured paths had files once and have none, as one text or none. */
export function emptiedText({ emptied }: Facts): string[] {
  return typeof emptied === 'number' ? [`${plural(emptied, 'path')} without files, which had some before`] : [];
}

/** Lines of the configuration with which the engine would not start. */
function brokenNote({ configBroken }: Facts): string[] {
  return typeof configBroken === 'number'
    ? [
        `its configuration has ${plural(configBroken, 'line')} with which it would not start; \`lifeboat doctor\` names them`,
      ]
    : [];
}

/** What the engine is beside other servers (a replica, a node of a cluster), in the driver's words. */
function deploymentNotes({ deployment }: Facts): string[] {
  return listOf(deployment).filter((each) => typeof each === 'string');
}

/** Names of settings; drivers of engines give them as `configDiffers`. */
function differingSettings(facts: Facts): string {
  return listOf(facts['configDiffers'])
    .filter((name) => typeof name === 'string')
    .join(', ');
}

function listOf(value: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(value) ? (value as readonly JsonValue[]) : [];
}
