import { expect, test } from 'vitest';
import { fixedIn } from '../../../src/drivers/swap/immutable.ts';
import { nestedMounts } from '../../../src/drivers/swap/mounts.ts';
import { restoreTargetOf } from '../../../src/drivers/swap/target.ts';

test.skipIf(process.platform !== 'linux')(
  'F1: a filesystem that is mounted inside a target would move away with the old data: the plan refuses it by name',
  async () => {
    expect(await nestedMounts('/')).toContain('/proc');
    expect(await nestedMounts('/proc')).not.toContain('/proc');
    const [mount = ''] = await nestedMounts('/dev');
    const { problems } = await restoreTargetOf({ live: '/dev', needBytes: 0 });
    expect(problems).toContainEqual({
      code: 'Precondition',
      message: expect.stringContaining(`mounted at \`${mount}\`, inside \`/dev\``) as string,
      hint: `mount what is at \`${mount}\` outside of \`/dev\``,
    });
  },
);

test('flags are read for each path by its own name, whatever is in it', () => {
  const output =
    '----i---------e------- /a/b\n-----a--------e------- /a b\n--------------e------- /a\nb\n-----------I--e------- /i\n';
  expect(fixedIn(output, ['/a/b', '/a b', '/a\nb', '/i', '/gone'])).toEqual([
    { path: '/a/b', flag: 'i' },
    { path: '/a b', flag: 'a' },
  ]);
});
