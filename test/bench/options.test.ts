import { describe, expect, it } from 'vitest';
import { groups, parseBenchOptions } from '../../bench/options.ts';

describe('arguments of the benchmark', () => {
  it('measures everything three times on medium unless told otherwise', () => {
    expect(parseBenchOptions([])).toEqual({
      size: 'medium',
      runs: 3,
      json: undefined,
      jsonDescriptor: undefined,
      only: groups,
      keepData: false,
      help: false,
    });
  });

  it('takes size, runs, a file and a choice of rows', () => {
    const options = parseBenchOptions([
      '--size',
      'small',
      '--runs',
      '1',
      '--json',
      '/tmp/x.json',
      '--only',
      'restore,workflow',
      '--keep-data',
    ]);
    expect(options).toMatchObject({
      size: 'small',
      runs: 1,
      json: '/tmp/x.json',
      only: ['restore', 'workflow'],
      keepData: true,
    });
  });

  it.each([
    [['--runs', '0']],
    [['--runs', 'three']],
    [['--size', 'huge']],
    [['--only', 'first-backup,coffee']],
    [['--fast']],
  ])('refuses %j with the usage as hint', (args) => {
    expect(() => parseBenchOptions(args)).toThrow(
      expect.objectContaining({
        code: 'InputInvalid',
        hint: expect.stringContaining('--only NAME') as string,
      }) as Error,
    );
  });
});
