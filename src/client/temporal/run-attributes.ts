/**
 * The search attributes by which a run of an appliance is found from its first moment, before it has told anything of itself.
 * Where they are not registered in the namespace, runs are found by their ids alone.
 */
import type { Client, Connection } from '@temporalio/client';
import { defineSearchAttributeKey, type SearchAttributePair } from '@temporalio/common';
import type { Appliance } from '../../domain/appliance.ts';

export const applianceKey = defineSearchAttributeKey('LifeboatAppliance', 'KEYWORD');
const kindKey = defineSearchAttributeKey('LifeboatKind', 'KEYWORD');

/** What a start sets: nothing where it would be refused. */
export interface RunAttributes {
  readonly typedSearchAttributes?: SearchAttributePair[];
}

const asked = new WeakMap<Client, Promise<boolean>>();

/** Whether the namespace knows the attributes; false also where it does not tell. Asked once per client. */
export async function areRegistered(client: Client): Promise<boolean> {
  const known = asked.get(client) ?? ask(client);
  asked.set(client, known);
  return known;
}

async function ask({ connection, options: { namespace } }: Client): Promise<boolean> {
  try {
    const { operatorService } = connection as Connection;
    const { customAttributes } = await operatorService.listSearchAttributes({ namespace });
    return [applianceKey, kindKey].every(({ name }) => customAttributes?.[name] !== undefined);
  } catch {
    return false;
  }
}

export async function runAttributes(client: Client, { name }: Appliance, type: string): Promise<RunAttributes> {
  if (!(await areRegistered(client))) return {};
  return {
    typedSearchAttributes: [
      { key: applianceKey, value: name },
      { key: kindKey, value: type },
    ],
  };
}
