import { lutimesSync, lstatSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fileTime, isFileTime } from '../../src/domain/file-time.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const second = 1_000_000_000n;
const microsecondsOf = (ns: bigint): bigint => (ns - (((ns % 1000n) + 1000n) % 1000n)) / 1000n;

test('a time that the system was given comes back: whole seconds exactly, any other in its microsecond', async () => {
  const folder = await temporaryFolder('time');
  const path = join(folder.path, 'file');
  writeFileSync(path, '');
  const comesBack = (ns: bigint): bigint => {
    const text = fileTime(String(ns));
    lutimesSync(path, text, text);
    return lstatSync(path, { bigint: true }).mtimeNs;
  };
  const times = fc.bigInt({ min: -(2n ** 31n) * second, max: 2n ** 32n * second });
  fc.assert(
    fc.property(times, (ns) => {
      const found = comesBack(ns);
      expect(microsecondsOf(found)).toBe(microsecondsOf(ns));
      expect(isFileTime(String(ns), found)).toBe(true);
      expect(comesBack((ns / second) * second)).toBe((ns / second) * second);
      expect(isFileTime(String(ns), ns), 'as restore.sh gives it').toBe(true);
      for (const other of [ns - 2000n, ns + 2000n]) expect(isFileTime(String(ns), other)).toBe(false);
    }),
  );
  for (const ns of [0n, 500_000_000n, -500_000_000n, -1n * second, 1_732_104_000_250_000_000n])
    expect(comesBack(ns)).toBe(ns);
  await folder.remove();
});
