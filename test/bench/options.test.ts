import { describe, expect, it } from 'vitest';
import { axisNames } from '../../bench/growth/axes.ts';
import { parseBenchOptions, usage } from '../../bench/options.ts';
import { groups } from '../../bench/groups.ts';

describe('arguments of the benchmark', () => {
  it('measures everything three times on medium unless told otherwise', () => {
    expect(parseBenchOptions([])).toEqual({
      size: 'medium',
      runs: 3,
      json: undefined,
      jsonDescriptor: undefined,
      only: groups,
      keepData: false,
      fleet: false,
      appliances: 1000,
      jitterSeconds: undefined,
      growth: undefined,
      help: false,
    });
  });

  it('shows its options within 80 columns', () => {
    expect(usage.split('\n').filter((line) => line.length > 80)).toEqual([]);
  });

  it('takes a fleet of a size, with a jitter', () => {
    const options = parseBenchOptions(['--fleet', '--appliances', '20', '--jitter', '10m']);
    expect(options).toMatchObject({ fleet: true, appliances: 20, jitterSeconds: 600 });
  });

  it('measures growth along all axes or some, up to the largest size where that is asked for', () => {
    expect(parseBenchOptions(['--growth']).growth).toEqual({ axes: axisNames, largest: false });
    expect(parseBenchOptions(['--growth', '--axes', 'points,files', '--largest']).growth).toEqual({
      axes: ['points', 'files'],
      largest: true,
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
    [['--fleet', '--appliances', '0']],
    [['--fleet', '--jitter', '10']],
    [['--fast']],
    [['--growth', '--axes', 'stars']],
    [['--axes', 'points']],
    [['--largest']],
    [['--appliances', '5']],
    [['--jitter', '10m']],
    [['--fleet', '--only', 'verify']],
    [['--fleet', '--json', 'x']],
    [['--growth', '--keep-data']],
    [['--growth', '--fleet']],
  ])('refuses %j', (args) => {
    expect(() => parseBenchOptions(args)).toThrow(
      expect.objectContaining({
        code: 'InputInvalid',
        hint: expect.stringContaining('--help') as string,
      }) as Error,
    );
  });
});
