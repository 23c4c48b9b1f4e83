export interface Readiness {
  readonly ready: boolean;
  /** Why not, or what was seen: one line. */
  readonly detail: string;
}
