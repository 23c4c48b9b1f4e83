/**
 * SHA-256 of what earlier versions of Lifeboat wrote as `restore.sh` and `RESTORE.md`, by the version that the file names:
 * so an old one is told from one that somebody else wrote. Whoever raises the version of a file adds here what it was.
 */
import { layout } from '../layout.ts';

export const earlierScripts: Readonly<Record<string, Readonly<Record<number, readonly string[]>>>> = {
  [layout.restoreScript]: {
    1: [
      '164e51a417c61a2f1789c831976816bd040ac6aa38470ac1a86ee6f55ca061d4',
      'f62a574195a1840e1237d053f434a9d53e3c4ffd254e90537513e312917cf61e',
    ],
    2: ['e5642bdb792813dd0dcbcba2c1a95cf903941817b89231c7586d13dce04005ce'],
    3: ['e4877ebfa54540203bb7b8ee9f48244b0f23b2aef56538f0139c7d45d6049eb0'],
    4: [
      '5c9cc0143e6fa1a6183eb16da09c7ecadfbef43950da48b0cd812b1823f478ab',
      '479095f95482f1c7dd9f6492f2c65b1b5469d16364aae751ae5181fd25aa94c1',
      '339d3df58602e5946a77b9c73ae2efac3b52b70939492e88ae6b379d233525c2',
      '7ba23fa395133ff0c1ec1d947294d189b8a9d683ac090c8725ade581a48109f1',
    ],
    5: [
      '0cf226ea061dcf3ed3e6075e6f5f280ce4f5538a5bbba0be98597aebc348fc1d',
      '8d55fde26df96fcc7f0910a81cf114b86f1497981a01ca4579d971f9c1bdbf5a',
      '86d77f02c6d9430b345decd2c564462f766b9917ea0bf43c95bb265b644d9285',
    ],
    6: [
      '7ddfaf1abe9e04d36a53549eac2624805acbfa9cc0074c4e63c8164c135c261c',
      '4856a0cd0f15d6ce2b6972633b4520a4ce0c20a59875cf0b6e5146552b89fd92',
      '291493d5cf5cf3aba228e5cee476650eb36d199b07a532a357a8dd89904fb5c5',
      'ebdabc39cd9b448876d5ab9fb7e3b219931d93e77af6e7e4d19a7b3fed11f7f5',
    ],
  },
  [layout.restoreGuide]: {
    1: ['af25691f08f345c46a34387ca4d26df7ad2b3b9b2900066c908b235feceda5c2'],
    2: ['dfdf320a353bb865abe2ed6a3839c3081c2fb0dd705f88dcd9435af9797d54fd'],
    3: ['1d3097c774fd5da015d1836f40244508a00b8d54f6688016960330998e4d29b9'],
    4: [
      'ad15c464fedce99ceed557b612b87fa79c7c58a3794de0dc3af2d74aaf6bf8de',
      'a18caf6e1c8d08e4cd2d748fb2079260afdfdb925d19426547bb0bf52b1c0a6d',
    ],
  },
};
