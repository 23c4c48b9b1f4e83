/**
 * Everything that workflows import as values from the domain. A change of behaviour here changes replay: it needs
 * `patched()` in the workflow and a stored history in test/histories.
 */
export { causes } from './causes.ts';
export { roleOfKind } from './component.ts';
export { formatBytes, formatDuration } from './duration.ts';
export { clockMarks } from './clock.ts';
export { captureNotes } from './capture-notes.ts';
export { deepestJson, hasInfinite, isTooDeep, longestSent } from './payload-limits.ts';
export { topologicalOrder } from './plan/graph.ts';
export { answerProblem } from './plan/question.ts';
export { plural } from './plural.ts';
export { describeProbes, isFailed, isProven } from './probes.ts';
export { refusalText, severalInputs } from './refusal.ts';
export { planRestoreTest } from './restore/plan-test.ts';
export { goalFields } from './restore/target.ts';
export { defaultMaxShare } from './retention.ts';
export { titleOf } from './notification.ts';
export { reportedState, stateWords } from './run-state.ts';
export { textInputs, textProblems, textsIn } from './text-inputs.ts';
