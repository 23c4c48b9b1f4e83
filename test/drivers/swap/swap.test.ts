import { chmod, lstat, mkdir, readFile, readdir, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { findStaged, makeStaging, markStaged, removeStaging, stagingPath } from '../../../src/drivers/swap/staging.ts';
import { keptCopies } from '../../../src/drivers/swap/kept.ts';
import { clearLive, swapBack, swapIn, swapState } from '../../../src/drivers/swap/swap.ts';
import { removeTree } from '../../../src/drivers/swap/remove-tree.ts';
import { poll } from '../../../src/dev/poll.ts';
import { temporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.ts';
import { component, isStopped, makeFixture, modes, settled, startAttempt, token } from './fixture.ts';

let folder: TemporaryFolder;
beforeEach(async () => {
  folder = await temporaryFolder('swap');
});
afterEach(async () => {
  for (const name of await readdir(folder.path)) await chmod(join(folder.path, name), 0o700).catch(() => {});
  await folder.remove();
});

describe.each(modes)('swap of a live path: %s', (mode) => {
  test('D3.7: swapped in, every live path shows the new data; swapped back, the old', async () => {
    const { pairs, lives, state } = await makeFixture(folder.path, mode);
    await swapIn({ component, lives, pairs, token: token(3001) });
    expect(await state()).toBe('new');
    await swapIn({ component, lives, pairs, token: token(3002) });
    expect(await state()).toBe('new');
    expect(await swapBack({ component, lives, token: token(9001) })).toBe('restored');
    expect(await state()).toBe('old');
    expect(await swapBack({ component, lives, token: token(9002) })).toBe('nothing');
    expect(await state()).toBe('old');
  });

  test('X18: killed after any step of a swap, it settles to all new or all old, never mixed', async () => {
    let deaths = 0;
    for (let step = 1; ; step++) {
      const at = join(folder.path, String(step));
      await mkdir(at);
      const { pairs, lives, state } = await makeFixture(at, mode);
      const ended = await startAttempt({ act: 'swapIn', component, lives, pairs, token: token(3001), killAtStep: step })
        .ended;
      const found = await settled({ component, lives, token: token(3002) });
      expect(await state(), `killed at step ${step}`).toBe(found.phase === 'swapped' ? 'new' : 'old');
      await swapIn({ component, lives, pairs, token: token(3003) });
      expect(await state(), `swapped in again after step ${step}`).toBe('new');
      await swapBack({ component, lives, token: token(9001) });
      expect(await state(), `swapped back after step ${step}`).toBe('old');
      await chmod(join(at, 'first'), 0o700);
      if (ended === 'done') break;
      expect(ended).toBe('SIGKILL');
      deaths++;
    }
    expect(deaths).toBeGreaterThan(6);
  });

  test('X18: killed after any step of a swap-back, the old data comes back whole', async () => {
    let deaths = 0;
    for (let step = 1; ; step++) {
      const at = join(folder.path, String(step));
      await mkdir(at);
      const { pairs, lives, state } = await makeFixture(at, mode);
      await swapIn({ component, lives, pairs, token: token(3001) });
      const ended = await startAttempt({
        act: 'swapBack',
        component,
        lives,
        pairs,
        token: token(9001),
        killAtStep: step,
      }).ended;
      await swapBack({ component, lives, token: token(9002) });
      expect(await state(), `killed at step ${step}`).toBe('old');
      await chmod(join(at, 'first'), 0o700);
      if (ended === 'done') break;
      expect(ended).toBe('SIGKILL');
      deaths++;
    }
    expect(deaths).toBeGreaterThan(6);
  });

  test('undo of a swap that was killed half way brings the old data back', async () => {
    const { pairs, lives, state } = await makeFixture(folder.path, mode);
    await startAttempt({ act: 'swapIn', component, lives, pairs, token: token(3001), killAtStep: 4 }).ended;
    expect(await swapBack({ component, lives, token: token(9001) })).toBe('restored');
    expect(await state()).toBe('old');
  });

  test('commit leaves the safety copy and no staging; discarding the copy leaves the live data alone', async () => {
    const { pairs, lives, state } = await makeFixture(folder.path, mode);
    await swapIn({ component, lives, pairs, token: token(3001) });
    await removeStaging({ component, lives, token: token(5001) });
    const { safetyCopies } = await swapState({ component, lives });
    expect(safetyCopies).toHaveLength(mode === 'absent' ? 1 : 2);
    const kept = await keptCopies({ component, lives });
    expect(kept.map(({ path }) => path)).toEqual(safetyCopies);
    for (const { bytes, since } of kept) {
      expect(bytes).toBeGreaterThan(0);
      expect(Math.abs(Date.now() - since.getTime())).toBeLessThan(60_000);
    }
    // People remove it, when they need it no more.
    for (const path of safetyCopies) await rm(path, { recursive: true });
    expect(await keptCopies({ component, lives })).toEqual([]);
    expect(await state()).toBe('new');
    const left = (await readdir(folder.path, { recursive: true })).filter((name) => /staging|aside/.test(name));
    expect(left).toEqual([]);
    if (mode !== 'absent') {
      await expect(swapBack({ component, lives, token: token(9001) })).rejects.toMatchObject({ code: 'Precondition' });
      expect(await state()).toBe('new');
    }
  });
});

describe('fencing', () => {
  test('an attempt that was paused before its swap wakes after the next one finished, and changes nothing', async () => {
    const { pairs, lives, state } = await makeFixture(folder.path, 'rename');
    const late = startAttempt({ act: 'swapIn', component, lives, pairs, token: token(3001), stopAtStep: 0 });
    await stopped(late.pid);
    await swapIn({ component, lives, pairs, token: token(3002) });
    await swapBack({ component, lives, token: token(9001) });
    process.kill(late.pid, 'SIGCONT');
    expect(await late.ended).toBe('Fenced');
    expect(await state()).toBe('old');
  });

  test('an attempt that was paused in the middle of its swap is settled by the next one and moves nothing when it wakes', async () => {
    const { pairs, lives, state } = await makeFixture(folder.path, 'rename');
    const late = startAttempt({
      act: 'swapIn',
      component,
      lives,
      pairs,
      token: token(3001),
      stopAtStep: 2,
      leaseMs: 300,
    });
    await stopped(late.pid);
    await swapIn({ component, lives, pairs, token: token(3002) });
    const before = await readdir(folder.path, { recursive: true });
    process.kill(late.pid, 'SIGCONT');
    expect(await late.ended).toBe('Fenced');
    expect(await state()).toBe('new');
    expect(await readdir(folder.path, { recursive: true })).toEqual(before);
  });

  test('a living holder is waited for, and named when it goes on too long', async () => {
    const { pairs, lives } = await makeFixture(folder.path, 'rename');
    const late = startAttempt({
      act: 'swapIn',
      component,
      lives,
      pairs,
      token: token(3001),
      stopAtStep: 2,
      leaseMs: 60_000,
    });
    await stopped(late.pid);
    const waiting = swapBack({ component, lives, token: token(9001), tuning: { waitMs: 100 } });
    await expect(waiting).rejects.toMatchObject({
      code: 'LockHeld',
      message: expect.stringContaining(`pid ${late.pid}`) as string,
    });
    process.kill(late.pid, 'SIGKILL');
    await late.ended;
    expect(await swapBack({ component, lives, token: token(9001) })).toBe('restored');
  });

  test('tokens are ordered by lock start, then attempt; one lock start claimed by two runs is refused', async () => {
    const { pairs, lives } = await makeFixture(folder.path, 'rename');
    await swapIn({ component, lives, pairs, token: token(3001) });
    const refused = [token(3000), token(9999, 'run-0', '2025-12-31T23:59:59.999Z'), token(9999, 'run-2')];
    for (const lower of refused)
      await expect(swapIn({ component, lives, pairs, token: lower })).rejects.toMatchObject({ code: 'Fenced' });
  });

  test('a killed swap of an older run is settled by a newer run, whose safety copy is then the settled data', async () => {
    const { pairs, lives, state } = await makeFixture(folder.path, 'rename');
    await startAttempt({ act: 'swapIn', component, lives, pairs, token: token(3001), killAtStep: 3 }).ended;
    const newer = token(1000, 'run-2', '2026-01-02T00:00:00.000Z');
    const next: { live: string; staged: string }[] = [];
    for (const live of lives) {
      const staged = await makeStaging(live, component, newer);
      await mkdir(join(staged, 'inner'));
      for (const name of ['both', 'newer-only', 'inner/file']) await writeFile(join(staged, name), 'newer\n');
      next.push({ live, staged });
    }
    await swapIn({ component, lives, pairs: next, token: { ...newer, attempt: 3001 } });
    expect(await state()).toBe('newer');
    expect((await swapState({ component, lives })).safetyCopies).toHaveLength(4);
    await swapBack({ component, lives, token: { ...newer, attempt: 9001 } });
    expect(await state()).toBe('new');
  });
});

describe('staging', () => {
  test('a later step finds the newest complete staging of its own run, and nothing of a half-made one', async () => {
    const { lives } = await makeFixture(folder.path, 'rename');
    const live = lives[0] ?? '';
    expect(await findStaged({ component, lives, token: token(3001) }, 'index-1')).toBeUndefined();
    for (const attempt of [1001, 1002]) {
      const staged = { [live]: await makeStaging(live, component, token(attempt)) };
      await markStaged({ component, lives, token: token(attempt) }, { source: 'index-1', staged, facts: { attempt } });
    }
    await makeStaging(live, component, token(1003));
    expect(await findStaged({ component, lives, token: token(3001) }, 'index-1')).toMatchObject({
      token: token(1002),
      facts: { attempt: 1002 },
    });
    expect(await findStaged({ component, lives, token: token(3001) }, 'index-2')).toBeUndefined();
    expect(await findStaged({ component, lives, token: token(3001, 'run-2') }, 'index-1')).toBeUndefined();
    await removeStaging({ component, lives, token: token(5001) });
    expect(await findStaged({ component, lives, token: token(5001) }, 'index-1')).toBeUndefined();
  });
});

describe('before anything moves', () => {
  test('live data given as staging is refused', async () => {
    const { lives, state } = await makeFixture(folder.path, 'rename');
    const pairs = lives.map((live) => ({ live, staged: live }));
    await expect(swapIn({ component, lives, pairs, token: token(3001) })).rejects.toMatchObject({
      code: 'Precondition',
    });
    expect(await state()).toBe('old');
  });

  test('a missing staged path is refused, and the live data stands', async () => {
    const { pairs, lives, state } = await makeFixture(folder.path, 'rename');
    await rm(pairs[1]?.staged ?? '', { recursive: true });
    await expect(swapIn({ component, lives, pairs, token: token(3001) })).rejects.toMatchObject({
      code: 'Precondition',
    });
    expect(await state()).toBe('old');
  });

  test('a staged path on another filesystem is refused', async () => {
    const { pairs, lives, state } = await makeFixture(folder.path, 'rename');
    const other = '/dev/shm';
    expect((await lstat(other)).dev, 'this test needs /dev/shm on a filesystem of its own').not.toBe(
      (await lstat(folder.path)).dev,
    );
    const staged = join(other, `.lifeboat-sample-staging-${process.pid}`);
    await mkdir(staged);
    try {
      const elsewhere = [{ live: pairs[0]?.live ?? '', staged }];
      await expect(swapIn({ component, lives, pairs: elsewhere, token: token(3001) })).rejects.toThrow(
        'another filesystem',
      );
      expect(await state()).toBe('old');
    } finally {
      await rm(staged, { recursive: true });
    }
  });

  test('X18: a swap that leaves out the first live path has the journal and the lease of its undo', async () => {
    const { pairs, lives } = await makeFixture(folder.path, 'rename');
    const second = pairs.slice(1);
    const shown = async (): Promise<string> => readFile(join(lives[1] ?? '', 'both'), 'utf8');
    await swapIn({ component, lives, pairs: second, token: token(3001) });
    expect(await shown()).toBe('new\n');
    expect((await swapState({ component, lives })).safetyCopies).toHaveLength(1);
    expect(await swapBack({ component, lives, token: token(9001) })).toBe('restored');
    expect(await shown()).toBe('old\n');
    const late = swapIn({ component, lives, pairs: second, token: token(3002) });
    await expect(late).rejects.toMatchObject({ code: 'Fenced' });
  });

  test('a path that must be absent afterwards goes aside and comes back', async () => {
    const { lives, state } = await makeFixture(folder.path, 'rename');
    const pairs = lives.map((live) => ({ live, staged: '', remove: true }));
    await swapIn({ component, lives, pairs, token: token(3001) });
    expect(await state()).toBe('absent');
    await swapBack({ component, lives, token: token(9001) });
    expect(await state()).toBe('old');
  });
});

describe('removing', () => {
  test('nothing but staging and safety copies by our own names is ever removed', async () => {
    const precious = join(folder.path, 'precious');
    await mkdir(precious);
    for (const name of [
      'precious',
      '.lifeboat-',
      '.lifeboat-x-staging-',
      'x.lifeboat-aside-',
      '.lifeboat-x.journal.json',
    ]) {
      await expect(removeTree(join(folder.path, name))).rejects.toMatchObject({ code: 'Internal' });
    }
    expect((await lstat(precious)).isDirectory()).toBe(true);
  });

  test('X18: a link inside what is removed is removed, not followed', async () => {
    await mkdir(join(folder.path, 'outside'));
    await writeFile(join(folder.path, 'outside', 'kept'), 'kept');
    const staged = await makeStaging(join(folder.path, 'data'), component, token(1001));
    await symlink(join(folder.path, 'outside'), join(staged, 'link'));
    await removeTree(staged);
    expect(await readFile(join(folder.path, 'outside', 'kept'), 'utf8')).toBe('kept');
    await expect(lstat(staged)).rejects.toThrow('ENOENT');
  });

  test('the staging that an unfinished swap still needs is kept', async () => {
    const { pairs, lives, state } = await makeFixture(folder.path, 'rename');
    await startAttempt({ act: 'swapIn', component, lives, pairs, token: token(3001), killAtStep: 2 }).ended;
    await makeStaging(lives[0] ?? '', component, token(1002));
    await removeStaging({ component, lives, token: token(3002) });
    await settled({ component, lives, token: token(3003) });
    expect(await state()).toBe('new');
    await expect(lstat(await stagingPath(lives[0] ?? '', component, token(1002)))).rejects.toThrow('ENOENT');
  });

  test.each(modes)('--replace-damaged frees the live path first and then takes the new data: %s', async (mode) => {
    const { pairs, lives, state } = await makeFixture(folder.path, mode);
    await clearLive({ component, lives, token: token(1001) });
    expect(await state()).toMatch(/absent|torn: $|mixed: torn: , absent/);
    await swapIn({ component, lives, pairs, token: token(3001) });
    expect(await state()).toBe('new');
  });

  test('--replace-damaged of one live path leaves the others, and is fenced as the whole', async () => {
    const { lives } = await makeFixture(folder.path, 'rename');
    const [first = '', second = ''] = lives;
    await clearLive({ component, lives, token: token(1002) }, [second]);
    expect(await readFile(join(first, 'both'), 'utf8')).toBe('old\n');
    await expect(lstat(second)).rejects.toThrow('ENOENT');
    await expect(clearLive({ component, lives, token: token(1001) }, [first])).rejects.toMatchObject({
      code: 'Fenced',
    });
    expect(await readFile(join(first, 'both'), 'utf8')).toBe('old\n');
  });

  test('a link keeps leading somewhere whole: it is repointed in one move, relative as it was', async () => {
    const { pairs, lives } = await makeFixture(folder.path, 'pointer');
    await swapIn({ component, lives, pairs, token: token(3001) });
    expect(await readlink(lives[0] ?? '')).toMatch(/^\.\.\/elsewhere\/data-v1\.lifeboat-generation-[0-9a-f]{10}$/);
  });
});

async function stopped(pid: number): Promise<void> {
  await poll(() => isStopped(pid), {
    timeoutMs: 120_000,
    intervalMs: 10,
    describe: () => new Error('the attempt did not stop'),
  });
}
