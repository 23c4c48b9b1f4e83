import type { TinyStep } from './tiny-workflow.ts';

/** A step before the pivot that succeeds at once, with `changes`. */
export function tinyStep(id: string, changes: Partial<TinyStep> = {}): TinyStep {
  return {
    id,
    after: [],
    phase: 'before-pivot',
    onFailure: 'unwind',
    failures: 0,
    undoFails: false,
    hasUndo: true,
    takes: 1,
    isLateHeeding: false,
    ...changes,
  };
}
