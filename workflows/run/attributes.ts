/** The search attributes of runs. An unregistered one would make workflow tasks fail for ever. */
import { defineSearchAttributeKey, type SearchAttributePair } from '@temporalio/common';
import { workflowInfo } from '@temporalio/workflow';

export const attributes = {
  appliance: defineSearchAttributeKey('LifeboatAppliance', 'KEYWORD'),
  kind: defineSearchAttributeKey('LifeboatKind', 'KEYWORD'),
  state: defineSearchAttributeKey('LifeboatState', 'KEYWORD'),
  waitingOn: defineSearchAttributeKey('LifeboatWaitingOn', 'KEYWORD'),
  backup: defineSearchAttributeKey('LifeboatBackup', 'KEYWORD'),
  breached: defineSearchAttributeKey('LifeboatBreached', 'BOOL'),
  deadline: defineSearchAttributeKey('LifeboatDeadline', 'DATETIME'),
};

/** With these a child is found from its first moment; none where this run has none itself, because they are not registered. */
export function childAttributes(type: string): { readonly typedSearchAttributes?: SearchAttributePair[] } {
  const appliance = workflowInfo().typedSearchAttributes.get(attributes.appliance);
  if (appliance === undefined) return {};
  return {
    typedSearchAttributes: [
      { key: attributes.appliance, value: appliance },
      { key: attributes.kind, value: type },
    ],
  };
}
