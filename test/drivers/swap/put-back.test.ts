import { chmod, lstat, mkdir, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { keptRestore, putBack } from '../../../src/drivers/swap/put-back.ts';
import { removeStaging } from '../../../src/drivers/swap/staging.ts';
import { swapBack, swapIn, swapState } from '../../../src/drivers/swap/swap.ts';
import { temporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.ts';
import { component, makeFixture, modes, settled, startAttempt, token, type Fixture } from './fixture.ts';

const restored = token(3001);
const undoing = (attempt: number) => token(attempt, 'run-2', '2026-01-02T00:00:00.000Z');
const again = (attempt: number) => token(attempt, 'run-3', '2026-01-03T00:00:00.000Z');

let folder: TemporaryFolder;
beforeEach(async () => {
  folder = await temporaryFolder('put-back');
});
afterEach(async () => {
  for (const name of await readdir(folder.path)) await chmod(join(folder.path, name), 0o700).catch(() => {});
  await folder.remove();
});

/** A restore that was committed. */
async function committed(at: string, mode: (typeof modes)[number]): Promise<Fixture> {
  const fixture = await makeFixture(at, mode);
  const { pairs, lives } = fixture;
  await swapIn({ component, lives, pairs, token: restored });
  await removeStaging({ component, lives, token: token(5001) });
  return fixture;
}

describe.each(modes)('undo of a committed restore: %s', (mode) => {
  test('the old data is live again, the restored data is kept, and a second undo brings it back', async () => {
    const { lives, state } = await committed(folder.path, mode);
    const first = await keptRestore({ component, lives });
    expect(first).toMatchObject({ token: { runId: 'run-1' }, problem: '' });
    expect(first?.paths.map(({ kept }) => kept === undefined)).toEqual([mode === 'absent', false]);

    await putBack({ component, lives, token: undoing(3001) }, restored);
    expect(await state()).toBe('old');
    await putBack({ component, lives, token: undoing(3002) }, restored);
    expect(await state(), 'called twice').toBe('old');
    const { safetyCopies } = await swapState({ component, lives });
    expect(safetyCopies).toHaveLength(2);
    for (const path of safetyCopies) {
      const name = (await stat(path)).isFile() ? path : join(path, 'both');
      expect(lives, 'what is live is no safety copy').not.toContain(path);
      expect((await lstat(name)).isFile()).toBe(true);
    }

    await putBack({ component, lives, token: again(3001) }, undoing(3001));
    expect(await state()).toBe('new');
  });

  test('X18: killed after any step, it settles whole, goes on, and goes back', async () => {
    let deaths = 0;
    for (let step = 1; ; step++) {
      const at = join(folder.path, String(step));
      await mkdir(at);
      const { lives, pairs, state } = await committed(at, mode);
      const ended = await startAttempt({
        act: 'putBack',
        component,
        lives,
        pairs,
        of: restored,
        token: undoing(3001),
        killAtStep: step,
      }).ended;
      await settled({ component, lives, token: undoing(3002) });
      expect(await state(), `killed at step ${step}`).toMatch(/^(?:old|new)$/);
      await putBack({ component, lives, token: undoing(3003) }, restored);
      expect(await state(), `put back after step ${step}`).toBe('old');
      await swapBack({ component, lives, token: undoing(9001) });
      expect(await state(), `undo of the undo after step ${step}`).toBe('new');
      expect(await keptRestore({ component, lives }), 'it can be put back still').toMatchObject({
        token: { runId: 'run-1' },
        problem: '',
      });
      await chmod(join(at, 'first'), 0o700);
      if (ended === 'done') break;
      expect(ended).toBe('SIGKILL');
      deaths++;
    }
    expect(deaths).toBeGreaterThan(5);
  });
});

test('a restore that went back leaves the one before it to be undone', async () => {
  const { lives, pairs, state } = await committed(folder.path, 'rename');
  for (const { staged } of pairs) await mkdir(staged, { recursive: true });
  await swapIn({ component, lives, pairs, token: undoing(3001) });
  await swapBack({ component, lives, token: undoing(9001) });
  expect(await state()).toBe('new');
  await putBack({ component, lives, token: again(3001) }, restored);
  expect(await state()).toBe('old');
});

test('refused where another restore is live by now, and where the old data is gone', async () => {
  const { lives, state } = await committed(folder.path, 'rename');
  await expect(putBack({ component, lives, token: undoing(3001) }, token(1, 'other'))).rejects.toMatchObject({
    code: 'Precondition',
  });
  const kept = await keptRestore({ component, lives });
  await rm(kept?.paths[1]?.kept ?? dirname(folder.path), { recursive: true });
  expect((await keptRestore({ component, lives }))?.problem).toMatch(/^the old data `.*` is gone$/);
  await expect(putBack({ component, lives, token: undoing(3001) }, restored)).rejects.toMatchObject({
    code: 'Precondition',
  });
  expect(await state()).toBe('new');
});
