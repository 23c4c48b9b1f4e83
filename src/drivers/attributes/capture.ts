/** Attributes of what a driver captures. What cannot be captured is counted and told, and stops no backup. */
import { attributeKey, pathsAtOnce, readAttributes } from '../../attributes/read.ts';
import { attributeToolsHint, missingAttributeTools } from '../../attributes/tools.ts';
import { kindOfAttribute, type Attributes } from '../../domain/attributes.ts';
import type { EntryMeta } from '../../domain/entry.ts';

/** A folder in which every file has one would otherwise fill the facts. */
const shownLeftOut = 100;

/** Sealed with a component, so that a person may ask later. Points of older versions do not say. */
export interface LeftOutAttributes {
  readonly attributesLeftOut?: readonly { readonly path: string; readonly names: readonly string[] }[];
}

export interface AttributesOfAll {
  /** A path without any is absent. */
  readonly found: ReadonlyMap<string, Attributes>;
  /** Was all that the path has read, and is it carried? */
  readonly isWhole: (key: string) => boolean;
}

export class AttributeCapture {
  readonly #missing: string | undefined;
  readonly #leftOut: { readonly path: string; readonly names: readonly string[] }[] = [];
  readonly #leftOutKinds = new Set<string>();
  readonly #unread: string[] = [];
  #entries = 0;
  #leftOutCount = 0;

  private constructor(missing: string | undefined) {
    this.#missing = missing;
  }

  static async begin(): Promise<AttributeCapture> {
    return new AttributeCapture(await missingAttributeTools());
  }

  /** Adds to each item what it has, read now. `pathOf` gives its absolute path, or undefined for what has none to carry. */
  async *addTo<Item>(
    items: AsyncIterable<Item> | Iterable<Item>,
    pathOf: (item: Item) => Buffer | undefined,
    withAttributes: (item: Item, xattrs: Attributes) => Item,
  ): AsyncGenerator<Item> {
    for await (const batch of inBatches(items)) {
      const paths = batch.map(pathOf);
      const { found } = await this.ofAll(paths.filter((path) => path !== undefined));
      for (const [index, item] of batch.entries()) {
        const path = paths[index];
        const xattrs = path === undefined ? undefined : found.get(attributeKey(path));
        yield xattrs === undefined ? item : withAttributes(item, xattrs);
      }
    }
  }

  /** Those of one path; nothing where it has none. */
  async of(path: Buffer): Promise<Pick<EntryMeta, 'xattrs'>> {
    const xattrs = (await this.ofAll([path])).found.get(attributeKey(path));
    return xattrs === undefined ? {} : { xattrs };
  }

  /** Counts those of an entry that is taken over from an earlier capture. */
  takeOver(xattrs: Attributes | undefined): void {
    if (xattrs !== undefined) this.#entries += 1;
  }

  /** For the manifest, in the clear. */
  get facts(): { readonly attributes: number; readonly note?: string } {
    const notes = this.#notes();
    return { attributes: this.#entries, ...(notes.length === 0 ? {} : { note: notes.join('; ') }) };
  }

  get sealedFacts(): LeftOutAttributes {
    return this.#leftOut.length === 0 ? {} : { attributesLeftOut: this.#leftOut };
  }

  /** Those of many paths, by `attributeKey`. */
  async ofAll(paths: readonly Buffer[]): Promise<AttributesOfAll> {
    const carried = new Map<string, Attributes>();
    if (this.#missing !== undefined) return { found: carried, isWhole: () => false };
    const { found, unread } = await readAttributes(paths);
    this.#unread.push(...unread);
    const partly = new Set<string>();
    for (const [key, attributes] of found) {
      if (Object.keys(attributes.carried).length > 0) carried.set(key, attributes.carried);
      if (attributes.leftOut.length > 0) partly.add(key);
      this.#leaveOut(key, attributes.leftOut);
    }
    this.#entries += carried.size;
    // Messages name paths in their own way: after one of them, none of these counts as whole.
    return { found: carried, isWhole: (key) => unread.length === 0 && !partly.has(key) };
  }

  #leaveOut(key: string, names: readonly string[]): void {
    if (names.length === 0) return;
    this.#leftOutCount += names.length;
    for (const name of names) this.#leftOutKinds.add(kindOfAttribute(name));
    if (this.#leftOut.length < shownLeftOut) this.#leftOut.push({ path: Buffer.from(key, 'latin1').toString(), names });
  }

  #notes(): string[] {
    if (this.#missing !== undefined)
      return [`extended attributes and ACLs were not captured: ${this.#missing} (${attributeToolsHint})`];
    const kinds = [...this.#leftOutKinds].toSorted().join(', ');
    const reasons = new Set(this.#unread.map((line) => line.slice(line.lastIndexOf(': ') + 2)));
    return [
      ...(this.#leftOutCount > 0 ? [`${this.#leftOutCount} extended attributes were left out: ${kinds}`] : []),
      ...(this.#unread.length > 0
        ? [`${this.#unread.length} extended attributes could not be read: ${[...reasons].join(', ')}`]
        : []),
    ];
  }
}

async function* inBatches<Item>(items: AsyncIterable<Item> | Iterable<Item>): AsyncGenerator<Item[]> {
  let batch: Item[] = [];
  for await (const item of items) {
    batch.push(item);
    if (batch.length < pathsAtOnce) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
