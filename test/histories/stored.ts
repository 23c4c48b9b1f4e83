/** The stored histories: where they lie and how they are read. */
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { historyFromJSON, type History } from '@temporalio/common/lib/proto-utils.js';

export const historiesFolder = fileURLToPath(new URL('.', import.meta.url));

/** Workflows as they were when their names and their order of commands were frozen. Never made anew. */
export const frozenBundle = join(historiesFolder, 'frozen-bundle.js.gz');

export const extension = '.json.gz';

export interface StoredHistory {
  readonly workflow: string;
  readonly path: string;
  readonly workflowId: string;
  readonly history: History;
}

export async function readHistories(): Promise<StoredHistory[]> {
  const names = (await readdir(historiesFolder, { recursive: true })).filter((name) => name.endsWith(extension));
  return Promise.all(names.toSorted().map(readHistory));
}

async function readHistory(name: string): Promise<StoredHistory> {
  const [workflow = '', path = ''] = name.slice(0, -extension.length).split('/');
  const text = gunzipSync(await readFile(join(historiesFolder, name))).toString('utf8');
  const history = historyFromJSON(JSON.parse(text));
  const started = history.events?.[0]?.workflowExecutionStartedEventAttributes;
  const type = started?.workflowType?.name;
  if (type !== workflow) throw new Error(`${name} is the history of a ${type ?? 'nothing'}`);
  // Ids of children follow from the run's own id.
  if (typeof started?.workflowId !== 'string') throw new Error(`${name} does not say whose history it is`);
  return { workflow, path, workflowId: started.workflowId, history };
}
