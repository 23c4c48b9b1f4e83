/** What is backed up. A component has one driver; several components may share a kind. */
export const componentKinds = ['postgres', 'redis', 'vectorstore', 'models', 'files'] as const;
export type ComponentKind = (typeof componentKinds)[number];

/** D1.3: P1 database, app, authentication; P2 Redis, AI; P3 monitoring; P4 history. */
export type Priority = 1 | 2 | 3 | 4;

/** RPO tiers of D1.2. */
export const tiers = ['critical', 'configuration', 'monitoring'] as const;
export type Tier = (typeof tiers)[number];

/** The role picks the task queue `<prefix>-<role>-<host>`. `upkeep` is the care of copies: long, and never in a restore's way. */
export const roles = [
  'database',
  'redis',
  'files',
  'storage',
  'upkeep',
  'vectorstore',
  'inference',
  'platform',
] as const;
export type Role = (typeof roles)[number];

export function roleOfKind(kind: ComponentKind): Role {
  const role: Record<ComponentKind, Role> = {
    postgres: 'database',
    redis: 'redis',
    vectorstore: 'vectorstore',
    models: 'inference',
    files: 'files',
  };
  return role[kind];
}
