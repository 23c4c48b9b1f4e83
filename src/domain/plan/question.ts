/** What a run asks people: a gate, or what is to be done about a step that failed. Pure. */

export const choices = ['approve', 'reject', 'retry', 'skip', 'abort'] as const;
export type Choice = (typeof choices)[number];

export interface Question {
  /** `plan`, or the id of a step. */
  readonly id: string;
  /** 1 for the first time that this is asked. */
  readonly attempt: number;
  /** Hash of the plan that the answer is about. */
  readonly planHash: string;
  readonly text: string;
  readonly choices: readonly Choice[];
  /** ISO time until which answers count. */
  readonly deadline: string;
  /** What counts then. */
  readonly byDefault: Choice;
}

/** What somebody sends. Every field may be absent, or be of another question. */
export interface SentAnswer {
  readonly question?: string;
  readonly attempt?: string;
  readonly planHash?: string;
  readonly choice?: string;
  readonly by?: string;
  readonly reason?: string;
}

export interface Answer {
  readonly choice: Choice;
  /** Who answered; `nobody` where the deadline did. */
  readonly by: string;
  readonly reason: string;
}

/**
 * Why an answer does not count, or nothing. It names the question, the attempt and the plan, so that one that was meant for
 * something else, comes too early or comes twice changes nothing.
 */
export function answerProblem(sent: SentAnswer, open: readonly Question[]): string | undefined {
  const { question = '', attempt = '', planHash = '', choice = '', reason = '' } = sent;
  const asked = open.find(({ id }) => id === question);
  if (asked === undefined) {
    const what = open.length === 0 ? 'nothing is asked' : `asked is ${open.map(({ id }) => `\`${id}\``).join(', ')}`;
    return `\`${question}\` is not asked now, or was answered before; ${what}`;
  }
  if (attempt !== String(asked.attempt))
    return `the answer is for attempt ${attempt || 'none'} of \`${question}\`; asked is attempt ${asked.attempt}`;
  if (planHash !== asked.planHash)
    return `the answer is for another plan; asked is the one with the hash ${asked.planHash}`;
  const known = asked.choices.find((each) => each === choice);
  if (known === undefined) return `\`${choice}\` is no answer to \`${question}\`: ${asked.choices.join(', ')}`;
  return known === 'skip' && reason === '' ? 'a step is skipped with a reason only' : undefined;
}
