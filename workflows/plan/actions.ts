/** What the kinds of steps do: each procedure has a registry of its own. */
import type { Step } from '../../src/domain/plan/plan.ts';

/** An act and what takes it back stand together. Both may run twice. */
export interface Action<S extends Step, C> {
  /** Gives a note for the display; empty where there is nothing to say. */
  readonly act: (step: S, context: C) => Promise<string>;
  /** Called where the step was begun, whether it ended or not. Absent where there is nothing to take back. */
  readonly undo?: (step: S, context: C) => Promise<void>;
}

export type Actions<S extends Step, C> = { readonly [K in S['kind']]: Action<S, C> };
