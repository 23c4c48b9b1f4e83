/** Compares the attributes that an index lists with those on disk, as probes: one in sum, one for each entry that lost some. */
import { compareAttributes, type ExpectedAttributes } from '../../attributes/compare.ts';
import { pathsAtOnce } from '../../attributes/read.ts';
import { attributeToolsHint, missingAttributeTools } from '../../attributes/tools.ts';
import { kindOfAttribute, type Attributes } from '../../domain/attributes.ts';
import { notCompared } from '../../domain/probes.ts';
import type { ProbeResult } from '../../domain/recovery-point.ts';

interface Waiting extends ExpectedAttributes {
  /** How the result names it. */
  readonly name: string;
}

export class AttributeProbes {
  readonly #component: string;
  #waiting: Waiting[] = [];
  #missing: Promise<string | undefined> | undefined;
  #total = 0;
  #same = 0;
  readonly #unheld: string[] = [];
  readonly #lost: ProbeResult[] = [];

  constructor(component: string) {
    this.#component = component;
  }

  async add(name: string, path: Buffer, attributes: Attributes | undefined): Promise<void> {
    if (attributes === undefined) return;
    this.#waiting.push({ name, path, attributes });
    if (this.#waiting.length >= pathsAtOnce) await this.#compare();
  }

  /** None where no attribute was added. */
  async results(): Promise<ProbeResult[]> {
    await this.#compare();
    if (this.#total === 0) return [];
    const missing = await this.#missingTools();
    const kinds = [...new Set(this.#unheld.map(kindOfAttribute))].toSorted().join(', ');
    const unheld = this.#unheld.length === 0 ? '' : `, ${this.#unheld.length} that cannot be set here (${kinds})`;
    const probe = {
      component: this.#component,
      name: 'extended attributes and ACLs',
      expected: `${this.#total} as captured`,
    };
    if (missing !== undefined) return [notCompared(probe, `${missing} (${attributeToolsHint})`)];
    const actual = `${this.#same} as captured${unheld}`;
    return [{ ...probe, actual, ok: this.#same + this.#unheld.length === this.#total }, ...this.#lost];
  }

  #missingTools(): Promise<string | undefined> {
    return (this.#missing ??= missingAttributeTools());
  }

  async #compare(): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = [];
    if (waiting.length === 0) return;
    this.#total += waiting.reduce((sum, { attributes }) => sum + Object.keys(attributes).length, 0);
    if ((await this.#missingTools()) !== undefined) return;
    const { same, unheld, lost } = await compareAttributes(waiting);
    this.#same += same;
    this.#unheld.push(...unheld);
    for (const [index, attributes] of lost.entries()) {
      if (attributes.length === 0) continue;
      this.#lost.push({
        component: this.#component,
        name: `attributes of ${waiting[index]?.name ?? ''}`,
        expected: `${attributes.map(({ name }) => name).join(', ')} as captured`,
        actual: attributes.map(({ name, isAbsent }) => `${name} ${isAbsent ? 'lost' : 'of another value'}`).join(', '),
        ok: false,
      });
    }
  }
}
