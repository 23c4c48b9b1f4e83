/**
 * What every driver must do (src/drivers/driver.ts). A driver's own test calls `driverContract` with a small adapter
 * to the real thing: how it is made, filled, changed, destroyed, started and stopped.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ComponentConfig } from '../../src/domain/appliance.ts';
import type { ComponentRecord } from '../../src/domain/recovery-point.ts';
import type { Driver } from '../../src/drivers/driver.ts';
import type { Repository } from '../../src/repository/repository.ts';
import { temporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts';
import type { DriverAttempt } from './driver-attempt.ts';
import { broken, capture, contextOf, makeRepository, startAttempt, token, untilStopped } from './driver-fixture.ts';
import { untilDescendants, untilGone } from './processes.ts';
import type { FencingToken } from '../../src/domain/fencing-token.ts';

/** The live component of one test. Every method leaves the engine as the next one needs it. */
export interface Subject {
  readonly config: ComponentConfig;
  readonly driver: Driver;
  /** The driver's module and factory, for attempts in other processes. */
  readonly module: string;
  readonly factory: string;
  /** Starts what runs on the data; nothing for files. Proven up when it returns. */
  start(): Promise<void>;
  /** Proven gone when it returns. Safe when it does not run. */
  stop(): Promise<void>;
  /** Content that the capture takes. The engine runs. */
  seed(): Promise<void>;
  /** Other content over the seeded one, the "old data" of a restore. The engine runs. */
  change(): Promise<void>;
  /** All content as one text, read from the engine or the disk. */
  content(): Promise<string>;
  /** The disaster: engine killed, live data gone. */
  destroy(): Promise<void>;
  /** Makes the live source empty, or a configured part of it absent. */
  empty(): Promise<void>;
  /** Takes from this user the right to read the source, or makes the engine refuse it. */
  deny(): Promise<void>;
  /** Takes from this user the right to write where the data lies; given back by the second. */
  lock(): Promise<{ readonly unlock: () => Promise<void> }>;
  /** The repository as it would answer for a component that is larger than any disk. */
  enlarge(repository: Repository): Repository;
  /** Command line of the engine that `validate` starts for itself; absent where there is none. */
  readonly privateEngine?: RegExp;
  /** Ends and frees everything. */
  dispose(): Promise<void>;
}

export interface ContractOptions {
  /** For kinds with versions: record and repository as a newer engine's capture would show them. */
  readonly newer?: (
    repository: Repository,
    record: ComponentRecord,
  ) => { readonly repository: Repository; readonly record: ComponentRecord };
  /** At which steps of its swap an attempt dies, one test each. Default 1, 3, 4. */
  readonly killSteps?: readonly number[];
}

const later = '2026-01-02T00:00:00.000Z';

export function driverContract(
  name: string,
  makeSubject: (folder: string) => Promise<Subject>,
  { newer, killSteps = [1, 3, 4] }: ContractOptions = {},
): void {
  describe(`driver contract: ${name}`, () => {
    let folder: TemporaryFolder;
    let subject: Subject;
    let repository: Repository;

    beforeEach(async () => {
      folder = await temporaryFolder('drv');
      repository = await makeRepository(join(folder.path, 'repository'));
      subject = await makeSubject(folder.path);
    });
    afterEach(async () => {
      await subject.dispose();
      await repository.close();
      await folder.remove();
    });

    /** A sealed component of the seeded content. */
    async function seeded(): Promise<ComponentRecord> {
      await subject.start();
      await subject.seed();
      return capture(subject.driver, repository);
    }

    /** Staged and validated: what every swap of a restore finds. */
    async function ready(record: ComponentRecord, staged = token(1001)): Promise<FencingToken> {
      const { driver } = subject;
      await driver.stage(contextOf({ repository, record, token: staged }));
      const validation = { ...staged, attempt: staged.attempt + 1000 };
      expect(broken(await driver.validate(contextOf({ repository, record, token: validation, staged })))).toEqual([]);
      return staged;
    }

    function attemptOf(
      record: ComponentRecord,
      fields: Pick<DriverAttempt, 'act' | 'token' | 'staged'> & Partial<DriverAttempt>,
    ): DriverAttempt {
      const { module, factory, config } = subject;
      return {
        module,
        factory,
        config,
        record,
        stateDir: join(folder.path, 'state'),
        repository: join(folder.path, 'repository'),
        ...fields,
      };
    }

    test('D3.2, O7.2: captured, destroyed and restored, every probe holds and the content is what it was', async () => {
      const record = await seeded();
      const before = await subject.content();
      await subject.destroy();
      const { driver } = subject;
      const staged = token(1001);
      await driver.stage(contextOf({ repository, record, token: staged }));
      const checked = await driver.validate(contextOf({ repository, record, token: token(2001), staged }));
      expect(broken(checked)).toEqual([]);
      expect(checked.length).toBeGreaterThan(0);
      await driver.swap(contextOf({ repository, record, token: token(3001), staged }));
      await subject.start();
      const probed = await driver.probe(contextOf({ repository, record, token: token(4001), staged }));
      expect(broken(probed)).toEqual([]);
      expect(probed.length).toBeGreaterThan(0);
      await driver.commit(contextOf({ repository, record, token: token(5001), staged }));
      expect(await subject.content()).toBe(before);
    });

    test('every step may run twice', async () => {
      const record = await seeded();
      const before = await subject.content();
      await subject.change();
      const { driver } = subject;
      const staged = token(1002);
      await driver.stage(contextOf({ repository, record, token: token(1001) }));
      await driver.stage(contextOf({ repository, record, token: staged }));
      for (const attempt of [1, 2])
        await driver.validate(contextOf({ repository, record, token: token(2000 + attempt), staged }));
      await subject.stop();
      for (const attempt of [1, 2])
        await driver.swap(contextOf({ repository, record, token: token(3000 + attempt), staged }));
      await subject.start();
      for (const attempt of [1, 2])
        expect(
          broken(await driver.probe(contextOf({ repository, record, token: token(4000 + attempt), staged }))),
        ).toEqual([]);
      for (const attempt of [1, 2]) {
        const { safetyCopies } = await driver.commit(
          contextOf({ repository, record, token: token(5000 + attempt), staged }),
        );
        expect(safetyCopies.length).toBeGreaterThan(0);
      }
      expect(await subject.content()).toBe(before);
      const again = await capture(driver, repository, record);
      const names = new Set<string>();
      for await (const { path } of repository.readIndex(again.indexId))
        path.split('/').forEach((name) => names.add(name));
      expect([...names].filter((name) => name.startsWith('.lifeboat-') || name.includes('.lifeboat-aside'))).toEqual(
        [],
      );
    });

    test('undone after the swap, and once more, the old content stands and nothing is left of the staging', async () => {
      const record = await seeded();
      await subject.change();
      const old = await subject.content();
      const { driver } = subject;
      const staged = await ready(record);
      await subject.stop();
      await driver.swap(contextOf({ repository, record, token: token(3001), staged }));
      // The run was aborted: that must not keep the old data from coming back.
      const signal = AbortSignal.abort();
      for (const attempt of [1, 2])
        await driver.undo({ ...contextOf({ repository, record, token: token(9000 + attempt), staged }), signal });
      expect(await stagingLeft(folder.path)).toEqual([]);
      await subject.start();
      expect(await subject.content()).toBe(old);
    });

    test('X4: undone after the stage alone, the running component never noticed', async () => {
      const record = await seeded();
      await subject.change();
      const old = await subject.content();
      const { driver } = subject;
      await driver.stage(contextOf({ repository, record, token: token(1001) }));
      await driver.undo(contextOf({ repository, record, token: token(9001), staged: token(1001) }));
      expect(await subject.content()).toBe(old);
    });

    test('killed in the middle of the stage, live stands, and the next attempt stages whole', async () => {
      const record = await seeded();
      await subject.change();
      const old = await subject.content();
      const dead = startAttempt(
        attemptOf(record, { act: 'stage', token: token(1001), staged: token(1001), killAtFirstBytes: true }),
      );
      expect(await dead.ended).toBe('SIGKILL');
      expect(await subject.content()).toBe(old);
      const { driver } = subject;
      const staged = token(1002);
      await driver.stage(contextOf({ repository, record, token: staged }));
      expect(broken(await driver.validate(contextOf({ repository, record, token: token(2001), staged })))).toEqual([]);
    });

    test('killed in the middle of the validation, its engine dies with it, and the next attempt validates', async () => {
      const record = await seeded();
      const { driver, privateEngine } = subject;
      const staged = token(1001);
      await driver.stage(contextOf({ repository, record, token: staged }));
      const dead = startAttempt(attemptOf(record, { act: 'validate', token: token(2001), staged }));
      const engines = privateEngine === undefined ? [] : await untilDescendants(dead, privateEngine);
      process.kill(dead.pid, 'SIGKILL');
      await untilGone(engines);
      expect(broken(await driver.validate(contextOf({ repository, record, token: token(2002), staged })))).toEqual([]);
    });

    test.each(killSteps)(
      'killed at step %i of the swap, the next attempt finishes it and every probe holds',
      async (killAtStep) => {
        const record = await seeded();
        await subject.change();
        const { driver } = subject;
        const staged = await ready(record);
        await subject.stop();
        const dead = startAttempt(attemptOf(record, { act: 'swap', token: token(3001), staged, killAtStep }));
        expect(await dead.ended).toBe('SIGKILL');
        await driver.swap(contextOf({ repository, record, token: token(3002), staged }));
        await subject.start();
        expect(broken(await driver.probe(contextOf({ repository, record, token: token(4001), staged })))).toEqual([]);
      },
    );

    test('killed in the middle of the swap and undone, the old content stands', async () => {
      const record = await seeded();
      await subject.change();
      const old = await subject.content();
      const { driver } = subject;
      const staged = await ready(record);
      await subject.stop();
      const dead = startAttempt(attemptOf(record, { act: 'swap', token: token(3001), staged, killAtStep: 2 }));
      expect(await dead.ended).toBe('SIGKILL');
      await driver.undo(contextOf({ repository, record, token: token(9001), staged }));
      await subject.start();
      expect(await subject.content()).toBe(old);
    });

    test('an attempt that was paused before its swap wakes after the next one finished, is fenced, and changes nothing', async () => {
      const record = await seeded();
      const before = await subject.content();
      await subject.change();
      const { driver } = subject;
      const staged = await ready(record);
      await subject.stop();
      const late = startAttempt(attemptOf(record, { act: 'swap', token: token(3001), staged, stopBefore: true }));
      await untilStopped(late);
      await driver.swap(contextOf({ repository, record, token: token(3002), staged }));
      process.kill(late.pid, 'SIGCONT');
      expect(await late.ended).toBe('Fenced');
      await subject.start();
      expect(await subject.content()).toBe(before);
      expect(broken(await driver.probe(contextOf({ repository, record, token: token(4001), staged })))).toEqual([]);
    });

    test('an attempt that was paused before its stage wakes after the next one went live, and changes nothing of it', async () => {
      const record = await seeded();
      const before = await subject.content();
      await subject.change();
      const { driver } = subject;
      const late = startAttempt(
        attemptOf(record, { act: 'stage', token: token(1001), staged: token(1001), stopBefore: true }),
      );
      await untilStopped(late);
      const staged = await ready(record, token(1002));
      await subject.stop();
      await driver.swap(contextOf({ repository, record, token: token(3001), staged }));
      process.kill(late.pid, 'SIGCONT');
      expect(await late.ended).toBe('done');
      await subject.start();
      expect(await subject.content()).toBe(before);
      await driver.commit(contextOf({ repository, record, token: token(5001), staged }));
      expect(await stagingLeft(folder.path)).toEqual([]);
    });

    test('a swap of an older run is fenced by a newer one', async () => {
      const record = await seeded();
      const before = await subject.content();
      await subject.destroy();
      const { driver } = subject;
      const [mine, theirs] = [token(1001), token(1001, later)];
      for (const staged of [mine, theirs]) await ready(record, staged);
      await driver.swap(contextOf({ repository, record, token: token(3001, later), staged: theirs }));
      await expect(
        driver.swap(contextOf({ repository, record, token: token(3001), staged: mine })),
      ).rejects.toMatchObject({ code: 'Fenced' });
      await subject.start();
      expect(await subject.content()).toBe(before);
    });

    test('X16: a source that yields nothing fails the capture as SourceEmpty', async () => {
      await subject.start();
      await subject.seed();
      await subject.empty();
      await expect(capture(subject.driver, repository)).rejects.toMatchObject({
        code: 'SourceEmpty',
        component: subject.config.id,
      });
    });

    test('a source that may not be read fails the capture as PermissionDenied or AuthFailed', async () => {
      await subject.start();
      await subject.seed();
      await subject.deny();
      const error = await capture(subject.driver, repository).catch((thrown: unknown) => thrown);
      expect(['PermissionDenied', 'AuthFailed']).toContain((error as { code?: string }).code);
    });

    test('a live path that may not be written is a problem of the plan, before anything is staged', async () => {
      const record = await seeded();
      await subject.destroy();
      const { unlock } = await subject.lock();
      try {
        const problems = (await subject.driver.restoreTargets(record)).flatMap((target) => target.problems);
        expect(problems).toContainEqual(expect.objectContaining({ code: 'PermissionDenied' }));
      } finally {
        await unlock();
      }
    });

    test('what does not fit on the disk is refused by the plan and by the stage, before the first byte', async () => {
      const record = await seeded();
      await subject.change();
      const old = await subject.content();
      const { driver } = subject;
      const targets = await driver.restoreTargets({ ...record, bytes: Number.MAX_SAFE_INTEGER });
      expect(targets.flatMap((target) => target.problems)).toContainEqual(expect.objectContaining({ code: 'NoSpace' }));
      const enlarged = contextOf({ repository: subject.enlarge(repository), record, token: token(1001) });
      await expect(driver.stage(enlarged)).rejects.toMatchObject({ code: 'NoSpace' });
      expect(await subject.content()).toBe(old);
    });

    test('--replace-damaged deletes nothing where both copies fit: undo puts the old bytes back', async () => {
      const record = await seeded();
      await subject.change();
      const old = await subject.content();
      await subject.stop();
      const { driver } = subject;
      const staged = token(1001);
      await driver.stage(contextOf({ repository, record, token: staged, replaceDamaged: true }));
      await driver.validate(contextOf({ repository, record, token: token(2001), staged, replaceDamaged: true }));
      await driver.swap(contextOf({ repository, record, token: token(3001), staged, replaceDamaged: true }));
      await driver.undo(contextOf({ repository, record, token: token(9001), staged }));
      await subject.start();
      expect(await subject.content()).toBe(old);
    });

    if (newer !== undefined) {
      test('an artefact of a newer engine is refused by the plan and by the stage as VersionMismatch', async () => {
        const changed = newer(repository, await seeded());
        const problems = (await subject.driver.restoreTargets(changed.record)).flatMap((target) => target.problems);
        expect(problems).toContainEqual(expect.objectContaining({ code: 'VersionMismatch' }));
        const staging = subject.driver.stage(contextOf({ ...changed, token: token(1001) }));
        await expect(staging).rejects.toMatchObject({ code: 'VersionMismatch' });
      });
    }

    test('check finds nothing to fail where all is well, and says what is wrong where the source is gone', async () => {
      await subject.start();
      await subject.seed();
      expect((await subject.driver.check()).filter((finding) => finding.level === 'fail')).toEqual([]);
      await subject.destroy();
      const failed = (await subject.driver.check()).filter((finding) => finding.level === 'fail');
      expect(failed.length).toBeGreaterThan(0);
      for (const finding of failed) expect(finding.hint).toBeTruthy();
    });
  });
}

/** Names of staging and of receipts below the folder. */
async function stagingLeft(folder: string): Promise<string[]> {
  return (await readdir(folder, { recursive: true })).filter((name) => /-stag(?:ing|ed)-/.test(name));
}
