/** Ctrl-C on the commands of README.md, at moments that a seed decides (demo.test.ts has the one on `--keep`). */
import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  alive,
  commandPlace,
  interrupt,
  marksOf,
  random,
  reached,
  runOf,
  startCommand,
} from '../support/command-process.ts';
import type { CommandPlace } from '../support/command-process.ts';

let place: CommandPlace;
beforeAll(async () => void (place = await commandPlace()));
afterAll(async () => place.remove());

const inTheStory = random.pick([/== SEED/, /== BACKUP/, /== DISASTER/, /== RESTORE/, /== PROOF/]);

test.each<[string, readonly string[], RegExp]>([
  ['while it sets up', ['demo'], /npm packages/],
  ['somewhere in the story', ['demo'], inTheStory],
  ['while it seeds what it measures', ['bench', '--', '--size', 'small', '--runs', '1'], /a small appliance in/],
  [
    'while tests run on engines',
    ['test', '--', '--project', 'engines', 'drivers/postgres/restore', 'workflows/restore/restore'],
    / RUN /,
  ],
])('Ctrl-C on a command %s ends it and all that it started: npm run %j', async (_when, args, moment) => {
  const started = await startCommand(place, args);
  await reached(started, moment);
  await interrupt(started);
});

test('what a killed run left is ended by the next one, which says so', async () => {
  const first = await startCommand(place, ['demo']);
  await reached(first, /== SEED/);
  const marks = await marksOf(first);
  const { pid } = await runOf(first);
  const ended = once(first.child, 'exit');
  process.kill(pid, 'SIGKILL');
  await ended;
  expect((await alive(marks)).length).toBeGreaterThan(0);
  const second = await startCommand(place, ['demo', '--', '--help']);
  await once(second.child, 'close');
  expect(second.said()).toMatch(/an earlier run was killed and left \d+ processes, which are ended now: /);
  expect(await alive(marks)).toEqual([]);
});
