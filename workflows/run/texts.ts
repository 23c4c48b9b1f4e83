/** Inputs and messages that a workflow checks itself: at once, because a handler may not wait and `lock` asks nobody. */
import { ApplicationFailure } from '@temporalio/workflow';
import { refusalText, severalInputs, textInputs, textProblems, textsIn } from '../../src/domain/replayed.ts';
import type { TextInputName, TextsOf } from '../../src/domain/text-inputs.ts';

/** The input of a run that asks for no check; InputInvalid. */
export function inputTexts<N extends 'lock' | 'notification'>(name: N, given: readonly unknown[]): TextsOf<N> {
  if (given.length > 1) throw refused(name, [severalInputs(given.length)]);
  return checkedTexts(name, given[0]);
}

/** The fields of what somebody sent; InputInvalid where it is not what `name` takes. */
export function checkedTexts<N extends TextInputName>(name: N, sent: unknown): TextsOf<N> {
  const problems = textProblems(name, sent);
  if (problems.length === 0) return textsIn(name, sent);
  throw refused(name, problems);
}

function refused(name: TextInputName, problems: readonly string[]): ApplicationFailure {
  return ApplicationFailure.nonRetryable(refusalText(name, problems, textInputs[name].example), 'InputInvalid');
}
