import { expect, test } from 'vitest';
import { refusedHint } from '../../src/domain/refused-access.ts';

test('root is never told to become root, and each cause is told its own way out', () => {
  for (const errno of ['EACCES', 'EPERM', undefined]) {
    expect(refusedHint(errno, 0)).not.toMatch(/as root/);
    expect(refusedHint(errno, 0)).toMatch(/root_squash.*CAP_DAC_OVERRIDE.*chattr -i/);
    expect(refusedHint(errno, 1000)).toMatch(/^run the worker as root or as the owner of the data/);
  }
  expect(refusedHint('EPERM', 1000)).toContain('lsattr');
  for (const uid of [0, 1000]) expect(refusedHint('EROFS', uid)).toMatch(/mounted read-only/);
  expect(refusedHint('EACCES', undefined, 'the owner of the folder')).toBe(
    'run the worker as root or as the owner of the folder',
  );
});
