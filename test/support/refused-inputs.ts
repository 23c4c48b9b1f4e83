/** Inputs that a workflow refuses, made from its schema: a new workflow or key cannot be forgotten. */
import { z } from 'zod';
import { workflowInputs, type WorkflowInput } from '../../src/inputs/workflow-inputs.ts';
import type { WorkflowType } from '../../src/domain/workflow-types.ts';
import { inner } from '../../src/schema/walk.ts';

export interface RefusedInput {
  readonly input: unknown;
  /** What the refusal tells. */
  readonly told: string;
}

export const workflowTypes = Object.keys(workflowInputs) as WorkflowType[];

/** What is no object, and keys that nobody knows. */
export function wrongShapes(type: WorkflowType): RefusedInput[] {
  const known = keysOf(type);
  const [first = ''] = known;
  const misspelt = misspell(first);
  return [
    { input: [], told: 'it must be an object, not the list `[]`' },
    { input: '', told: 'it must be an object, not an empty text' },
    { input: 5, told: 'it must be an object, not the number 5' },
    { input: { nonsense: 1 }, told: `unknown key \`nonsense\` (known are \`${first}\`` },
    { input: { [misspelt]: 1 }, told: `unknown key \`${misspelt}\` (did you mean \`${first}\`?)` },
  ];
}

/** For each key, what it cannot be. */
export function wrongValues(type: WorkflowType): RefusedInput[][] {
  const { schema }: WorkflowInput = workflowInputs[type];
  return keysOf(type).map((key) =>
    valuesAgainst(inner(schema.shape[key]!)).map((value) => {
      const part = Array.isArray(value) && inner(schema.shape[key]!) instanceof z.ZodArray ? `${key}[0]` : key;
      return { input: { [key]: value }, told: `\`${part}\` must be ` };
    }),
  );
}

export function keysOf(type: WorkflowType): string[] {
  return Object.keys(workflowInputs[type].schema.shape);
}

/** Without its last letter but one. */
export function misspell(key: string): string {
  return `${key.slice(0, -2)}${key.slice(-1)}`;
}

/** First of a type that is near; then others, and of the right type what is no value of it. */
function valuesAgainst(schema: z.core.$ZodType): unknown[] {
  if (schema instanceof z.ZodBoolean) return ['true', 1, null];
  if (schema instanceof z.ZodNumber) return ['1', -1, null];
  if (schema instanceof z.ZodArray) return ['redis', [5], [''], { redis: true }, null];
  if (schema instanceof z.ZodEnum) return ['nonsense', 5, null];
  const takesAny = schema instanceof z.ZodString && schema.safeParse('').success;
  return [5, ['x'], null, ...(takesAny ? [] : [''])];
}
