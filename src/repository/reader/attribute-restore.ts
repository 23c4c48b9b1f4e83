/** Gives back attributes in few processes, and remembers what was refused. */
import { pathsAtOnce } from '../../attributes/read.ts';
import { attributeToolsHint, missingAttributeTools } from '../../attributes/tools.ts';
import { writeAttributes, type AttributeTarget } from '../../attributes/write.ts';
import { kindOfAttribute } from '../../domain/attributes.ts';

export class AttributeRestore {
  #waiting: AttributeTarget[] = [];
  #missing: Promise<string | undefined> | undefined;
  #total = 0;
  #refused = 0;
  readonly #kinds = new Set<string>();
  readonly #reasons = new Set<string>();

  add(target: AttributeTarget): void {
    this.#waiting.push(target);
  }

  get isFull(): boolean {
    return this.#waiting.length >= pathsAtOnce;
  }

  /** In the order in which they were added. */
  async write(): Promise<void> {
    if (this.#waiting.length === 0) return;
    const targets = this.#waiting;
    this.#waiting = [];
    const names = targets.flatMap(({ attributes }) => Object.keys(attributes));
    this.#total += names.length;
    const missing = await (this.#missing ??= missingAttributeTools());
    if (missing !== undefined) return this.#refuse(names, [`${missing} (${attributeToolsHint})`]);
    const refused = await writeAttributes(targets);
    this.#refuse(refused.names, refused.reasons);
  }

  notes(): string[] {
    if (this.#refused === 0) return [];
    const kinds = [...this.#kinds].toSorted().join(', ');
    const reasons = [...this.#reasons].join('; ');
    return [
      `${this.#refused} of ${this.#total} extended attributes and ACLs (${kinds}) could not be given back: ${reasons}`,
    ];
  }

  #refuse(names: readonly string[], reasons: readonly string[]): void {
    if (names.length === 0) return;
    this.#refused += names.length;
    for (const name of names) this.#kinds.add(kindOfAttribute(name));
    for (const reason of reasons) this.#reasons.add(reason);
  }
}
