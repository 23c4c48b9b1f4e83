/** Checks what somebody sent to a workflow against the one schema of its input. */
import type { z } from 'zod';
import type { ComponentKind } from '../domain/component.ts';
import { LifeboatError } from '../domain/errors.ts';
import type { WorkflowType } from '../domain/workflow-types.ts';
import { refusalText, severalInputs, unknownKey, wrongValue } from '../domain/refusal.ts';
import { elementText, typeText } from '../schema/walk.ts';
import { workflowInputs, type ExampleNames, type InputOf, type WorkflowInput } from './workflow-inputs.ts';

/** What an example is made of. */
export interface NamedAppliance {
  readonly name: string;
  readonly components: readonly { readonly id: string; readonly kind: ComponentKind }[];
  readonly locations: readonly { readonly name: string }[];
}

/** The input, checked; `null` and nothing at all are `{}`. InputInvalid tells every problem, and an input that is right. */
export function checkInput<T extends WorkflowType>(type: T, input: unknown, appliance: NamedAppliance): InputOf<T> {
  const { schema }: WorkflowInput = workflowInputs[type];
  const given = input ?? {};
  const parsed = schema.safeParse(given, { reportInput: true });
  if (parsed.success) return parsed.data as InputOf<T>;
  const problems = parsed.error.issues.flatMap((issue) => problemsOf(issue, schema, given));
  throw refusal(type, problems, appliance);
}

/** As a run is started: with one input, or none. */
export function checkArguments<T extends WorkflowType>(
  type: T,
  args: readonly unknown[],
  appliance: NamedAppliance,
): InputOf<T> {
  if (args.length > 1) throw refusal(type, [severalInputs(args.length)], appliance);
  return checkInput(type, args[0], appliance);
}

function refusal(type: WorkflowType, problems: readonly string[], appliance: NamedAppliance): LifeboatError {
  const { example }: WorkflowInput = workflowInputs[type];
  return new LifeboatError('InputInvalid', refusalText(type, problems, example(namesOf(appliance))), {
    hint: 'docs/workflow-inputs.md lists what every workflow takes',
  });
}

/** Names of the appliance's own, so that an example can be sent as it is. */
function namesOf({ name, components, locations }: NamedAppliance): ExampleNames {
  const first = (kind?: string): string | undefined =>
    components.find((component) => kind === undefined || component.kind === kind)?.id;
  return {
    appliance: name,
    component: first() ?? 'postgres',
    database: first('postgres') ?? 'postgres',
    vectorstore: first('vectorstore') ?? 'vectors',
    location: locations[0]?.name ?? 'offsite',
  };
}

function problemsOf(issue: z.core.$ZodIssue, schema: z.ZodObject, given: unknown): string[] {
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey(key, Object.keys(schema.shape)));
  const [key, ...inside] = issue.path;
  if (key === undefined) return [issue.code === 'custom' ? issue.message : wrongValue('', 'object', given)];
  const field = schema.shape[String(key)];
  if (field === undefined) return [issue.message];
  const path = [String(key), ...inside.map((part) => `[${String(part)}]`)].join('');
  return [wrongValue(path, inside.length === 0 ? typeText(field) : elementText(field), issue.input)];
}
