import { expect, test } from 'vitest';
import { isCron, parseCron } from '../../src/config/cron.ts';
import { engineTest } from '../support/engines.ts';
import { Client, Connection } from '@temporalio/client';

const good = ['0 2 * * *', '*/15 * * * *', '0 0-6/2,12 1 jan-MAR,7 mon-fri', '5 4 31 12 7', '0 4 * * Sun'];
const bad = [
  '61 99 * * *',
  '0 24 * * *',
  '0 0 0 * *',
  '0 0 * 13 *',
  '0 0 * * 8',
  '0 0 * * noday',
  '5-1 0 * * *',
  '*/0 * * * *',
  '1-2-3 * * * *',
  '0 2 * *',
  '0 2 * * * *',
  '0  2 * * *',
  '@daily',
  ', * * * *',
];

test.each(good)('`%s` is a cron line', (line) => expect(isCron(line)).toBe(true));
test.each(bad)('`%s` is none', (line) => expect(isCron(line)).toBe(false));

test('the values that a line stands for', () => {
  expect(parseCron('*/20 0-6/2,12 1 jan-MAR,7 mon,7')).toEqual({
    minutes: [0, 20, 40],
    hours: [0, 2, 4, 6, 12],
    days: [1],
    months: [1, 2, 3, 7],
    weekdays: [0, 1],
  });
  expect(parseCron('50/5 2 * * *').minutes).toEqual([50, 55]);
});

engineTest('every line that passes is one that Temporal takes', async ({ temporal }) => {
  const connection = await Connection.connect({ address: temporal.address });
  const client = new Client({ connection, namespace: temporal.namespace });
  try {
    for (const [index, line] of good.entries()) {
      const handle = await client.schedule.create({
        scheduleId: `cron-${index}`,
        spec: { cronExpressions: [line] },
        action: { type: 'startWorkflow', workflowType: 'none', taskQueue: 'none' },
        state: { paused: true },
      });
      expect((await handle.describe()).info.nextActionTimes.length, line).toBeGreaterThan(0);
    }
  } finally {
    await connection.close();
  }
});
