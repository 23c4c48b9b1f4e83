/** What is measured at one size: an appliance with its repository, and a copy of it. */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createLocalStorage } from '../../src/storage/local/local-storage.ts';
import { wireParts, type Parts } from '../../workers/parts.ts';
import { runScript } from '../command.ts';
import { backUp } from '../lifeboat/backup.ts';
import { configFileOf, copyOf, dataOf, describe, makeAppliance, repositoryOf, type Described } from './appliance.ts';
import type { AxisName } from './axes.ts';
import { makeFiles, makeSparseFile } from './data.ts';
import type { Far } from './far.ts';
import { sealManyPacks } from './packs.ts';
import { makePoints } from './points.ts';

/** Points that retention is to remove. */
const leaving = 3;
/** A file must have lain for so long to be known again by its times (src/domain/written-back.ts). */
const settledMs = 75_000;
const packsOf100GB = 6400;
/** Number of files of each component, where it is not what grows. */
const fewFiles = 10;

export class Stage {
  readonly folder: string;
  /** Where the acts are done in a copy on S3. */
  readonly far: Far | undefined;
  readonly #axis: AxisName;
  readonly #size: number;
  #madeAt = 0;

  constructor(axis: AxisName, size: number, root: string, far: Far | undefined) {
    this.folder = join(root, `${axis}-${size}`);
    this.far = far;
    this.#axis = axis;
    this.#size = size;
  }

  get configFile(): string {
    return configFileOf(this.folder);
  }

  get #described(): Described {
    const { folder, far } = this;
    return {
      folder,
      components: this.#axis === 'components' ? this.#size : 1,
      ...(far === undefined ? {} : { far: { bucket: far.bucket, endpoint: far.endpoint, prefix: this.#prefix } }),
    };
  }

  get #prefix(): string {
    return `${this.#axis}-${this.#size}`;
  }

  /** Long before the rest, see `settledMs`. */
  async makeData(): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    for (let component = 0; component < this.#described.components; component += 1) {
      const data = dataOf(this.folder, component);
      await mkdir(data, { recursive: true });
      if (this.#axis === 'bytes') await makeSparseFile(join(data, 'sparse'), this.#size);
      else await makeFiles(data, this.#growsInFiles ? this.#size : fewFiles);
    }
    this.#madeAt = performance.now();
  }

  get #growsInFiles(): boolean {
    return this.#axis === 'files' || this.#axis === 'packs' || this.#axis === 'packs-s3';
  }

  async prepare(): Promise<void> {
    await makeAppliance(this.#described);
    if (this.#axis === 'points' || this.#axis === 'points-s3' || this.#axis === 'history') {
      const sharedPacks = this.#axis === 'history' ? packsOf100GB : 0;
      const made = await this.#withParts(async (parts) => {
        const points = await makePoints(parts, this.#size, sharedPacks);
        // One that drivers can look into.
        await backUp(parts);
        return points;
      });
      await describe({ ...this.#described, keepSeconds: made.keepAllBut(leaving) });
    }
    if (this.#axis === 'packs' || this.#axis === 'packs-s3')
      await this.#withParts(async (parts) => sealManyPacks(parts, dataOf(this.folder, 0), this.#size));
    await this.bringCopy();
    await delay(Math.max(0, this.#madeAt + settledMs - performance.now()));
  }

  /** Makes the copy what the repository is, past what is measured. */
  async bringCopy(): Promise<void> {
    const repository = repositoryOf(this.folder);
    if (this.far !== undefined) await this.far.fill(createLocalStorage(repository), this.#prefix);
    else
      await runScript('cp -a "$FROM/." "$TO/" && rm -rf "$TO/intents" "$TO/leases" "$TO/.versions/leases"', {
        env: { FROM: repository, TO: copyOf(this.folder) },
      });
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  async #withParts<T>(act: (parts: Parts) => Promise<T>): Promise<T> {
    const parts = wireParts(await describe(this.#described));
    try {
      return await act(parts);
    } finally {
      await parts.close();
    }
  }
}
