import { MockActivityEnvironment } from '@temporalio/testing';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { endlessBeatMs, withHeartbeat, type BeatDetails } from '../../../activities/call/heartbeat.ts';

test('beats at once and on time with progress, rate and resume cursor, and sends the last state of a failed attempt', async () => {
  const environment = new MockActivityEnvironment();
  const beats: BeatDetails[] = [];
  environment.on('heartbeat', (details: BeatDetails) => beats.push(details));
  const run = environment.run(async () =>
    withHeartbeat(async (beat) => {
      beat.report({ phase: 'reading', bytesDone: 500, bytesTotal: 1000 });
      beat.packs(['a', 'b']);
      await expect.poll(() => beats.length).toBeGreaterThan(1);
      throw new Error('broken');
    }),
  );
  await expect(run).rejects.toThrow('broken');
  expect(beats[0]).toMatchObject({ v: 1, phase: 'starting' });
  expect(beats.at(-1)).toMatchObject({ phase: 'reading', bytesDone: 500, bytesTotal: 1000, packs: ['a', 'b'] });
  expect(beats.at(-1)?.bytesPerSecond).toBeGreaterThan(0);
});

test('beats as seldom as it is told', async () => {
  const environment = new MockActivityEnvironment();
  let beats = 0;
  environment.on('heartbeat', () => (beats += 1));
  await environment.run(async () => withHeartbeat(async () => expect.poll(() => beats).toBeGreaterThan(3), 5));
  beats = 0;
  await environment.run(async () => withHeartbeat(async () => delay(50), endlessBeatMs));
  expect(beats).toBe(1);
});

test('gives the next attempt what the last one told', async () => {
  const environment = new MockActivityEnvironment({ heartbeatDetails: { v: 1, phase: 'x', packs: ['a'] } });
  expect(await environment.run(async () => withHeartbeat(async ({ last }) => last?.packs))).toEqual(['a']);
});

test('details of another version are not believed', async () => {
  const environment = new MockActivityEnvironment({ heartbeatDetails: { v: 2, packs: ['a'] } });
  expect(await environment.run(async () => withHeartbeat(async ({ last }) => last))).toBeUndefined();
});

test('a cancel reaches the work through the signal', async () => {
  const environment = new MockActivityEnvironment();
  const run = environment.run(async () => withHeartbeat(async ({ signal }) => delay(60_000, undefined, { signal })));
  environment.cancel('CANCELLED');
  await expect(run).rejects.toThrow(/abort/i);
});
