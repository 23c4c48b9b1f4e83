/** What is sealed with a files component, so that a person may ask later what was left out. */
import { reservedFolder } from '../../domain/entry.ts';
import type { LeftOutAttributes } from '../attributes/capture.ts';
import type { ChangedMeanwhile } from '../folder/meanwhile.ts';

export const factsPath = `${reservedFolder}/facts.json`;

export interface PathPlace {
  readonly path: string;
  /** The mount point of the file system that it lies on. */
  readonly mount: string;
  readonly files: number;
  /** How many it had when it last had any. */
  readonly lastFiles: number;
}

export interface FilesFacts extends LeftOutAttributes, ChangedMeanwhile {
  readonly paths: readonly string[];
  readonly exclude: readonly string[];
  /** Sockets, pipes and devices, in points of older versions; today `.lifeboat/left-out.json` names them. */
  readonly skipped?: readonly { readonly path: string }[];
  /** Symbolic links that led nowhere at the capture. Points of older versions do not say. */
  readonly dangling?: readonly string[];
  /** A digest of names, sizes and times; a change of any gives another one. Points of older versions do not say. */
  readonly fingerprint?: string;
  /** One for each path. Points of older versions do not say. */
  readonly places?: readonly PathPlace[];
}
