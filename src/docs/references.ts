/** The reference pages that are generated, laid out as they are committed. */
import { format, resolveConfig } from 'prettier';
import { fileURLToPath } from 'node:url';
import { configurationReference } from './configuration-reference.ts';
import { errorsReference } from './errors-reference.ts';
import { workflowInputsReference } from './workflow-inputs-reference.ts';

export const references = {
  'docs/configuration.md': configurationReference,
  'docs/errors.md': errorsReference,
  'docs/workflow-inputs.md': workflowInputsReference,
} as const;

/** Absolute path of a reference page. */
export function pathOf(name: string): string {
  return fileURLToPath(new URL(`../../${name}`, import.meta.url));
}

export async function renderReference(name: keyof typeof references): Promise<string> {
  const path = pathOf(name);
  return format(references[name](), { ...(await resolveConfig(path)), filepath: path });
}
