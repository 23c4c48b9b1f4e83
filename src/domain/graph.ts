/** Small graph questions. Pure; iteration follows the order given, so results are the same on every replay. */

export interface GraphNode {
  readonly id: string;
  readonly after: readonly string[];
}

/** The ids of one cycle, first id repeated at the end; undefined where there is none. Unknown ids are ignored. */
export function findCycle(nodes: readonly GraphNode[]): string[] | undefined {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const done = new Set<string>();
  const visit = (id: string, trail: readonly string[]): string[] | undefined => {
    if (trail.includes(id)) return [...trail.slice(trail.indexOf(id)), id];
    const node = byId.get(id);
    if (node === undefined || done.has(id)) return undefined;
    for (const next of node.after) {
      const cycle = visit(next, [...trail, id]);
      if (cycle !== undefined) return cycle;
    }
    done.add(id);
    return undefined;
  };
  for (const node of nodes) {
    const cycle = visit(node.id, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

/** Edges that name no node, as `[from, missing]`. */
export function danglingEdges(nodes: readonly GraphNode[]): [string, string][] {
  const known = new Set(nodes.map((node) => node.id));
  return nodes.flatMap((node) =>
    node.after.filter((id) => !known.has(id)).map((id): [string, string] => [node.id, id]),
  );
}

/** All ids that reach one of `roots` through `after`, roots included: what stands on them. */
export function dependentsOf(roots: readonly string[], nodes: readonly GraphNode[]): Set<string> {
  const found = new Set(roots);
  for (let grew = true; grew;) {
    grew = false;
    for (const node of nodes) {
      if (!found.has(node.id) && node.after.some((id) => found.has(id))) {
        found.add(node.id);
        grew = true;
      }
    }
  }
  return found;
}

/** Every id after all that it comes after. Call only where findCycle found none. */
export function topologicalOrder(nodes: readonly GraphNode[]): string[] {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const order: string[] = [];
  const seen = new Set<string>();
  const visit = (id: string): void => {
    const node = byId.get(id);
    if (node === undefined || seen.has(id)) return;
    seen.add(id);
    node.after.forEach(visit);
    order.push(id);
  };
  nodes.forEach((node) => visit(node.id));
  return order;
}
