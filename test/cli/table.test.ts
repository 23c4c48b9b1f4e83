import fc from 'fast-check';
import { expect, test } from 'vitest';
import { table } from '../../src/cli/output/table.ts';

const words = fc
  .array(fc.string({ unit: fc.constantFrom('a', 'b', '1'), minLength: 1, maxLength: 11 }), {
    minLength: 1,
    maxLength: 12,
  })
  .map((all) => all.join(' '));

test('a table stays within 80 columns whatever its names are, and loses no word', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.string({ unit: fc.constantFrom('x', 'y'), minLength: 1, maxLength: 40 }), words), {
        minLength: 1,
        maxLength: 4,
      }),
      (rows) => {
        const text = table(
          ['COMPONENT', 'KIND', 'LOST IF RESTORED NOW'],
          rows.map(([id, last]) => [id, 'vectorstore', last]),
        );
        expect(text.split('\n').filter((line) => line.length > 80)).toEqual([]);
        expect(text.split(/\s+/).join(' ')).toBe(
          [
            'COMPONENT',
            'KIND',
            'LOST IF RESTORED NOW',
            ...rows.flatMap(([id, last]) => [id, 'vectorstore', last]),
          ].join(' '),
        );
      },
    ),
  );
});
