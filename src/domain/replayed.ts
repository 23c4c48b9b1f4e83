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
export { plural } from './plural.ts';
export { describeProbes, isFailed, isProven } from './probes.ts';
export { refusalText, severalInputs } from './refusal.ts';
export { goalFields } from './restore/target.ts';
export { usualMaxShare } from './retention.ts';
export { textInputs, textProblems, textsIn } from './text-inputs.ts';
