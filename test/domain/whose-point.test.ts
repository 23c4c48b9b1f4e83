import { expect, test } from 'vitest';
import type { Manifest } from '../../src/domain/recovery-point.ts';
import { foreignOwner, ownPoints, sharedText } from '../../src/domain/whose-point.ts';

const owner = { name: 'shop', formerNames: ['kiosk'] };

function listing(timestamp: string, appliance: string) {
  const manifest = { timestamp, lifeboat: { appliance } } as Manifest;
  const foreign = foreignOwner(manifest, owner);
  return { timestamp, manifest, ...(foreign === undefined ? {} : { foreign }) };
}

test('a point is of the appliance that it names; former names count as own, and no other spelling does', () => {
  const others = ['bank', 'Shop', 'shop2', ''].map((name) => listing('20261101_020000', name));
  expect(others.map(({ foreign }) => foreign)).toEqual(['bank', 'Shop', 'shop2', '']);
  expect(ownPoints([listing('1', 'shop'), ...others, listing('2', 'kiosk'), { timestamp: '3' }])).toMatchObject([
    { timestamp: '1' },
    { timestamp: '2' },
  ]);
});

test('points of others are told with their names and the newest of them', () => {
  expect(sharedText([listing('1', 'shop'), listing('2', 'kiosk'), { timestamp: '3' }])).toBeUndefined();
  expect(sharedText([listing('2', 'bank'), listing('1', 'shop')])).toBe(
    "1 recovery point of another appliance, `bank`, in this one's repository: 2",
  );
  expect(sharedText(['6', '5', '4', '3'].map((id, at) => listing(id, at === 1 ? 'inn' : 'bank')))).toMatch(
    /^4 recovery points of another appliance, `bank`, `inn`, .*: 6, 5, 4, and 1 more$/,
  );
});
