/** What `doctor` says of extended attributes; nothing where this host can read and write them. */
import { attributeToolsHint, missingAttributeTools } from '../../attributes/tools.ts';
import type { Finding } from '../../domain/finding.ts';

export async function checkAttributeTools(component: string): Promise<Finding[]> {
  const missing = await missingAttributeTools();
  if (missing === undefined) return [];
  return [
    {
      name: `${component}: extended attributes`,
      level: 'warn',
      text: `extended attributes and ACLs are neither captured nor restored: ${missing}`,
      hint: attributeToolsHint,
    },
  ];
}
