/** Files and folders by their configured absolute paths: configuration with secrets, volumes, monitoring data. */
import { realpath } from 'node:fs/promises';
import type { FilesConfig } from '../../domain/appliance.ts';
import { roleOfKind } from '../../domain/component.ts';
import type { Driver, DriverEnvironment } from '../driver.ts';
import { treeBytes } from '../tree/tree-threads.ts';
import { captureFiles } from './capture.ts';
import { checkFiles } from './check.ts';
import { compareWithIndex } from './compare.ts';
import { isAsCaptured } from './fingerprint.ts';
import { inspectFiles } from './inspect.ts';
import { rootsInWalk, rootsOf } from './paths.ts';
import { commitFiles, filesTargets, stageFiles, stagedPath, swapFiles, undoFiles } from './restore.ts';

const blockSize = 1 << 20;

export function createFilesDriver(config: FilesConfig, environment: DriverEnvironment): Driver {
  const tuning = environment.swap ?? {};
  const roots = rootsOf(config.paths);
  return {
    component: config.id,
    kind: 'files',
    role: roleOfKind('files'),
    blockSize,
    check: async (earlier) => checkFiles(config, earlier),
    async estimate() {
      const bytes = await Promise.all(roots.map(treeBytes));
      return { bytes: bytes.reduce((sum, part) => sum + part, 0) };
    },
    capture: async (context) => captureFiles(config, context, environment.others ?? [], environment.walkTree),
    isAsCaptured: async (repository, record) =>
      isAsCaptured(
        { component: config.id, roots: rootsInWalk(config.paths), exclude: config.exclude },
        repository,
        record,
      ),
    inspect: async (repository, record, signal) => inspectFiles({ repository, record, signal }),
    restoreTargets: async (record) => filesTargets(config, record),
    stage: async (context) => stageFiles({ config, tuning: { ...tuning, signal: context.signal } }, context),
    validate: async (context) =>
      compareWithIndex({ context, roots, placeOf: (root) => stagedPath(config, root, context.staged), times: true }),
    swap: async (context) => swapFiles({ config, tuning: { ...tuning, signal: context.signal } }, context),
    // An undo goes on where the run's signal was aborted: it is what puts the old data back.
    undo: async (context) => undoFiles({ config, tuning }, context.token),
    // A configured path may be a link: what it leads to was captured.
    probe: async (context) =>
      compareWithIndex({ context, roots, placeOf: async (root) => realpath(root).catch(() => root), times: false }),
    commit: async (context) => commitFiles({ config, tuning }, context.token),
  };
}
