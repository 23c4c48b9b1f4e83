/** A contradiction between parts of a configuration. */

export interface CrossProblem {
  readonly path: readonly string[];
  readonly message: string;
}
