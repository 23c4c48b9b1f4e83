/** Reads the configured files and folders into a component writer. */
import type { ComponentConfig, FilesConfig } from '../../domain/appliance.ts';
import { LifeboatError } from '../../domain/errors.ts';
import { toJson } from '../../json/to-json.ts';
import { AttributeCapture } from '../attributes/capture.ts';
import type { CaptureContext, CaptureFacts } from '../driver.ts';
import type { Meanwhile } from '../folder/meanwhile.ts';
import { walkTree, type WalkTree } from '../tree/tree-threads.ts';
import { TreeCapture } from './capture-tree.ts';
import { factsPath, type FilesFacts } from './facts.ts';
import { fingerprintOf } from './fingerprint.ts';
import { groundOf } from './lead.ts';
import { rootsInWalk, rootsOf } from './paths.ts';
import { earlierFacts, isEmptied, placesOf, unmountedPaths } from './places.ts';
import { refuseExchanged, type WalkOptions } from './walk.ts';

/**
 * Precondition for a configured path whose disk is not mounted any more; SourceEmpty for one that is absent, or no file
 * at all; SourceChanged for one that goes, or is exchanged, while it is read; PermissionDenied names what cannot be read.
 * What goes, or becomes something else, below a configured path after it was listed is not part of the capture. The set is
 * `stable-window` if a second look at every entry finds nothing changed since the first. Links stay links; what they lead
 * to and no component carries is left out.
 */
export async function captureFiles(
  config: FilesConfig,
  context: CaptureContext,
  others: readonly ComponentConfig[],
  walk: WalkTree = walkTree,
): Promise<CaptureFacts> {
  const component = config.id;
  const roots = rootsOf(config.paths);
  const options: WalkOptions = { component, roots: rootsInWalk(config.paths), exclude: config.exclude };
  const { previous: record, repository } = context;
  const known = record === undefined ? undefined : await earlierFacts({ repository, record });
  const refuseUnmounted = async (): Promise<void> => {
    if (record === undefined || known === undefined) return;
    const [first] = await unmountedPaths(roots, { repository, record }, known);
    if (first !== undefined) throw first.error;
  };
  await refuseUnmounted();
  const capturedFrom = new Date();
  const tree = new TreeCapture(config, context, {
    ground: await groundOf(config.paths, others),
    attributes: await AttributeCapture.begin(),
    walkTree: walk,
  });
  const { tally, attributes } = tree;
  const fingerprint = await tree.capture(options);
  await refuseExchanged(tally.rootFolders, component);
  // It may have gone before the walk came to it.
  await refuseUnmounted();
  const { dangling, meanwhile } = tally;
  if (tally.files === 0) throw noFile(roots, meanwhile, component);
  // Nothing came, went or changed between the two walks, so all that was read in between was there at one time.
  const isStable = meanwhile.isStill && (await fingerprintOf(options)) === fingerprint;
  const places = await placesOf(roots, tally.filesOf, known, config.exclude);
  const emptied = places.filter(isEmptied).length;
  const facts: FilesFacts = {
    paths: roots,
    exclude: config.exclude,
    ...meanwhile.sealedFacts,
    dangling,
    fingerprint,
    places,
    ...attributes.sealedFacts,
  };
  await context.writer.bytes(factsPath, Buffer.from(toJson(facts)));
  return {
    capturedFrom,
    capturedUntil: new Date(),
    quiescence: isStable ? 'stable-window' : 'unproven',
    facts: {
      files: tally.files,
      folders: tally.folders,
      links: tally.links,
      ...(emptied === 0 ? {} : { emptied }),
      ...meanwhile.facts,
      ...attributes.facts,
    },
  };
}

function noFile(roots: readonly string[], { hasVanished }: Meanwhile, component: string): LifeboatError {
  const where = roots.map((root) => `\`${root}\``).join(', ');
  return !hasVanished
    ? new LifeboatError('SourceEmpty', `no file in ${where}`, { component })
    : new LifeboatError('SourceChanged', `no file in ${where} stayed until it was read`, { component });
}
