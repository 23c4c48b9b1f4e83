/**
 * Inputs and messages whose every field is a text that may be absent, and which a workflow checks itself: the schemas of all
 * other inputs are checked in an activity, and these have none. Pure.
 */
import { unknownKey, wrongValue } from './refusal.ts';

export interface TextInput {
  /** What each field says; the reference shows it. */
  readonly fields: Readonly<Record<string, string>>;
  readonly example: Readonly<Record<string, string>>;
}

const actor = {
  fields: { by: 'who asks', reason: 'why' },
  example: { by: 'ann', reason: 'the wrong recovery point' },
} as const;

export const textInputs = {
  lock: {
    fields: {
      holder: 'workflow id of the run that holds the appliance',
      purpose: 'what it is held for',
      requestedBy: 'who asked',
    },
    example: { holder: 'fullBackup/wazuh/2026-11-22T02:00:00.000Z', purpose: 'full backup' },
  },
  notification: {
    fields: {
      text: 'the message; nothing is delivered without one',
      title: 'its first line where absent',
      severity: '`info` where absent, `warning` or `critical`: each channel says from which on it is told',
      kind: 'type of the run that tells it',
      appliance: 'the configured one where absent',
      run: 'workflow id of the run that tells it',
      dedupKey: 'the same for every delivery of the same message',
      requestedBy: 'who asked',
    },
    example: { text: 'the appliance moves to another rack at noon' },
  },
  abort: actor,
  pause: actor,
  resume: actor,
  decide: {
    fields: {
      question: 'what is answered: `plan`, or the id of a step',
      attempt: 'of the question, as it is asked',
      planHash: 'of the plan that the answer is about',
      choice: 'one of those that the question offers',
      by: 'who answers',
      reason: 'why; a step is skipped with a reason only',
    },
    example: { question: 'plan', attempt: '1', planHash: 'f3a1…', choice: 'approve', by: 'ann' },
  },
} as const satisfies Readonly<Record<string, TextInput>>;

export type TextInputName = keyof typeof textInputs;

/** What the fields of one are. */
export type TextsOf<N extends TextInputName> = {
  readonly [K in keyof (typeof textInputs)[N]['fields']]?: string;
};

/** All that is wrong with a value that somebody sent; nothing at all is as good as `{}`. */
export function textProblems(name: TextInputName, value: unknown): string[] {
  if (value === undefined || value === null) return [];
  if (typeof value !== 'object' || Array.isArray(value)) return [wrongValue('', 'object', value)];
  const known = Object.keys(textInputs[name].fields);
  return Object.entries(value).flatMap(([key, each]: [string, unknown]) => {
    if (!known.includes(key)) return [unknownKey(key, known)];
    return each === undefined || typeof each === 'string' ? [] : [wrongValue(key, 'text', each)];
  });
}

/** The fields that are texts, whatever else was sent: a message that an older version took is read again on replay. */
export function textsIn<N extends TextInputName>(name: N, value: unknown): TextsOf<N> {
  if (typeof value !== 'object' || value === null) return {};
  const known = Object.keys(textInputs[name].fields);
  const found = Object.entries(value).filter(([key, each]) => known.includes(key) && typeof each === 'string');
  return Object.fromEntries(found) as TextsOf<N>;
}
