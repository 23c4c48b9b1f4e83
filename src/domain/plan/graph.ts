/** Small graph questions. Pure; iteration follows the order given, so results are the same on every replay. */

export interface GraphNode {
  readonly id: string;
  readonly after: readonly string[];
}

/** Every cycle that a walk along `after` meets, the first id repeated at the end. Unknown ids are ignored. */
export function findCycles(nodes: readonly GraphNode[]): string[][] {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const done = new Set<string>();
  const cycles: string[][] = [];
  const visit = (id: string, trail: readonly string[]): void => {
    const node = byId.get(id);
    if (trail.includes(id)) cycles.push([...trail.slice(trail.indexOf(id)), id]);
    else if (node !== undefined && !done.has(id)) {
      for (const next of node.after) visit(next, [...trail, id]);
      done.add(id);
    }
  };
  for (const { id } of nodes) visit(id, []);
  return cycles;
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

/** Every id after all that it comes after. Call only where findCycles found none. */
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
