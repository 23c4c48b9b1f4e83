/** What open runs, stored histories and repositories hold of this version's names. `names.json` is what is frozen of it. */
import { createComponentActivities } from '../../activities/component.ts';
import { createControlActivities } from '../../activities/control.ts';
import { createUpkeepActivities } from '../../activities/copies.ts';
import type { Dependencies } from '../../activities/dependencies.ts';
import { createPlatformActivities } from '../../activities/platform.ts';
import { createStorageActivities } from '../../activities/recovery-points.ts';
import { createWalActivities } from '../../activities/wal.ts';
import { createWatchActivities } from '../../activities/watch.ts';
import { errorCatalogue } from '../../src/domain/errors.ts';
import { choices } from '../../src/domain/plan/question.ts';
import { workflowInputs } from '../../src/inputs/workflow-inputs.ts';
import { layout } from '../../src/repository/layout.ts';
import { searchAttributes } from '../../workers/search-attributes.ts';
import * as workflows from '../../workflows/index.ts';
import { messageNames } from '../../workflows/message-names.ts';

/** Sorted lists, by what they are names of. */
export function namesNow(): Readonly<Record<string, readonly string[]>> {
  const none = {} as Dependencies;
  const activities = {
    control: createControlActivities(none),
    component: createComponentActivities(none),
    recoveryPoints: createStorageActivities(none),
    copies: createUpkeepActivities(none),
    platform: createPlatformActivities(none),
    wal: createWalActivities(none),
    watch: createWatchActivities(none),
  };
  return {
    workflows: sorted(workflows),
    messages: Object.values(messageNames).toSorted(),
    searchAttributes: sorted(searchAttributes),
    ...prefixed('activities', activities, sorted),
    ...prefixed('inputs', workflowInputs, ({ schema }) => sorted(schema.shape)),
    errorCodes: sorted(errorCatalogue),
    answers: choices.toSorted(),
    repositoryKeys: repositoryKeys().toSorted(),
  };
}

function sorted(names: object): string[] {
  return Object.keys(names).toSorted();
}

function prefixed<T>(prefix: string, groups: Readonly<Record<string, T>>, namesOf: (group: T) => string[]) {
  return Object.fromEntries(Object.entries(groups).map(([name, group]) => [`${prefix} of ${name}`, namesOf(group)]));
}

const point = '20261122_020000';
const arguments_: Readonly<Record<string, readonly unknown[]>> = {
  manifest: [point],
  proof: [point, 3],
  report: ['restore', 'run'],
  wal: ['postgres', '7', 3, 'name'],
  walOf: ['postgres', '7'],
};

/** Every key that the layout makes, of examples. */
function repositoryKeys(): string[] {
  return Object.entries(layout).map(([name, key]) => {
    if (typeof key === 'string') return `${name}: ${key}`;
    const make = key as (...parts: readonly unknown[]) => string;
    return `${name}: ${make(...(arguments_[name] ?? ['some']))}`;
  });
}
