/** A service's process and everything that came out of it. */
import { realpath } from 'node:fs/promises';
import type { ProcessIdentity } from './pid-file.ts';
import { programOf, readProcessTable } from './process-table.ts';
import type { ProcessEntry } from './process-table.ts';

/**
 * Follows a family over time. A member stays known after its parent died: PostgreSQL's backends leave the process group
 * (each has its own session) and are adopted by init when the postmaster is killed, and they still hold the data.
 */
export class ProcessFamily {
  readonly #head: ProcessIdentity | undefined;
  readonly #command: readonly string[];
  readonly #known = new Set<string>();

  constructor(head: ProcessIdentity | undefined, command: readonly string[]) {
    this.#head = head;
    this.#command = command;
    if (head !== undefined) this.#known.add(keyOf(head));
  }

  /** Members that live now, the head first. */
  async living(): Promise<ProcessEntry[]> {
    const table = await readProcessTable();
    const members = new Map<number, ProcessEntry>();
    for (const entry of table)
      if (this.#known.has(keyOf(entry)) || this.#isOfHeadsSession(entry, table)) members.set(entry.pid, entry);
    addDescendants(members, table);
    for (const orphan of await this.#orphans(table, members)) members.set(orphan.pid, orphan);
    for (const member of members.values()) this.#known.add(keyOf(member));
    return [...members.values()].toSorted(
      (a, b) => Number(b.pid === this.#head?.pid) - Number(a.pid === this.#head?.pid),
    );
  }

  /** The kernel gives no process a pid that a living group or session still uses; only a head that was replaced could mislead. */
  #isOfHeadsSession(entry: ProcessEntry, table: readonly ProcessEntry[]): boolean {
    const head = this.#head;
    if (head === undefined || (entry.session !== head.pid && entry.group !== head.pid)) return false;
    const holder = table.find((other) => other.pid === head.pid);
    return holder === undefined ? sameBoot(entry, head) : keyOf(holder) === keyOf(head);
  }

  /** What a head that died earlier left behind: the same program, adopted by init, at work in a folder that the command names. */
  async #orphans(table: readonly ProcessEntry[], members: ReadonlyMap<number, ProcessEntry>): Promise<ProcessEntry[]> {
    const executable = await realpath(this.#command[0] ?? '').catch(() => undefined);
    if (executable === undefined) return [];
    const paths = this.#command.slice(1).filter((word) => word.startsWith('/'));
    const folders = await Promise.all(paths.map((path) => realpath(path).catch(() => path)));
    const adopted = table.filter((entry) => entry.parent === 1 && !members.has(entry.pid));
    const programs = await Promise.all(adopted.map((entry) => programOf(entry.pid)));
    return adopted.filter((_entry, index) => {
      const program = programs[index];
      return program !== undefined && program.executable === executable && folders.includes(program.cwd);
    });
  }
}

function addDescendants(members: Map<number, ProcessEntry>, table: readonly ProcessEntry[]): void {
  for (let grew = true; grew;) {
    const children = table.filter((entry) => members.has(entry.parent) && !members.has(entry.pid));
    for (const child of children) members.set(child.pid, child);
    grew = children.length > 0;
  }
}

function keyOf(identity: ProcessIdentity): string {
  return `${identity.pid} ${identity.started}`;
}

/** On Linux `started` begins with the boot's id; elsewhere it is a date, and every process counts. */
function sameBoot(entry: ProcessIdentity, head: ProcessIdentity): boolean {
  return process.platform !== 'linux' || entry.started.split(':')[0] === head.started.split(':')[0];
}
