/**
 * How people steer a run: `pause`, `resume`, `abort`, and `decide`, which answers what the run asks. One place for every
 * procedure; the command line, programs and the Temporal UI send the same updates.
 */
import { CancellationScope, condition, setHandler } from '@temporalio/workflow';
import type { Answer, Choice, Question } from '../../src/domain/plan/question.ts';
import { answerProblem, textsIn } from '../../src/domain/replayed.ts';
import type { TextsOf } from '../../src/domain/text-inputs.ts';
import { abortUpdate, decideUpdate, pauseUpdate, resumeUpdate } from '../messages.ts';
import type { RunDisplay } from './display.ts';
import type { Message } from './notification.ts';
import { checkedTexts } from './texts.ts';

/** A deadline that fires so much late did so because everything was down: nobody could answer meanwhile. */
const lateMs = 60_000;
const graceSeconds = 15 * 60;

export type Asked = Omit<Question, 'deadline'> & { readonly deadlineSeconds: number };

interface OpenQuestion {
  readonly question: Question;
  answer: Answer | undefined;
}

export class RunControl {
  /** An abort cancels what runs in it. */
  readonly scope = new CancellationScope();
  readonly #display: RunDisplay;
  readonly #open = new Map<string, OpenQuestion>();
  /** Told when a deadline fired late; undefined before the run knows whom. */
  tell: ((message: Message) => Promise<void>) | undefined;
  #isPaused = false;
  #aborted: string | undefined;
  #isPastPivot = false;

  constructor(display: RunDisplay) {
    this.#display = display;
    this.#handleAbort();
    this.#handlePause();
    this.#handleDecide();
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** `by: reason` of who aborted the run; undefined while nobody did. */
  get aborted(): string | undefined {
    return this.#aborted;
  }

  /** The last step may have ended without heeding an abort, or under a pause: throws for the one, waits out the other. */
  async passPivot(): Promise<void> {
    await condition(() => !this.#isPaused);
    this.#isPastPivot = true;
  }

  /** Waits for the answer until the deadline, then gives the default. */
  async ask({ deadlineSeconds, ...asked }: Asked): Promise<Answer> {
    let deadline = this.now() + deadlineSeconds * 1000;
    let isExtended = false;
    const open: OpenQuestion = {
      question: { ...asked, deadline: new Date(deadline).toISOString() },
      answer: undefined,
    };
    this.#open.set(asked.id, open);
    this.#show();
    try {
      while (open.answer === undefined) {
        if (await condition(() => open.answer !== undefined, Math.max(1, deadline - this.now()))) break;
        if (isExtended || this.now() - deadline < lateMs) break;
        isExtended = true;
        deadline = this.now() + graceSeconds * 1000;
        await this.tell?.({
          topic: `late-${asked.id}-${asked.attempt}`,
          severity: 'warning',
          text: `the deadline of \`${asked.id}\` passed while nothing ran; it counts from now for 15 min more`,
        });
        this.#open.set(
          asked.id,
          Object.assign(open, { question: { ...open.question, deadline: new Date(deadline).toISOString() } }),
        );
        this.#show();
      }
      const answer = open.answer ?? { choice: asked.byDefault, by: 'nobody', reason: 'nobody answered in time' };
      this.#display.note(
        `${asked.id}: ${answer.choice} by ${answer.by}${answer.reason === '' ? '' : `: ${answer.reason}`}`,
      );
      return answer;
    } finally {
      this.#open.delete(asked.id);
      this.#show();
    }
  }

  /** Milliseconds since the epoch. */
  protected now(): number {
    return Date.now();
  }

  #show(): void {
    this.#display.ask([...this.#open.values()].map(({ question }) => question));
  }

  /** Why nothing can be aborted, or nothing. */
  abortProblem(): string | undefined {
    return this.#isPastPivot
      ? 'the run is past its last step that can be undone; there is nothing to abort'
      : undefined;
  }

  abort({ by = 'somebody', reason = 'no reason given' }: TextsOf<'abort'>): void {
    this.#aborted = `${by}: ${reason}`;
    this.#display.note(`abort asked by ${this.#aborted}`);
    this.scope.cancel();
  }

  pause({ by = 'somebody', reason = '' }: TextsOf<'pause'>): void {
    this.#pause(true, `paused by ${by}${reason === '' ? '' : `: ${reason}`}`);
  }

  resume({ by = 'somebody' }: TextsOf<'resume'>): void {
    this.#pause(false, `resumed by ${by}`);
  }

  /** Why an answer does not count, or nothing. */
  answerProblem(sent: TextsOf<'decide'>): string | undefined {
    const unanswered = [...this.#open.values()].filter(({ answer }) => answer === undefined);
    return answerProblem(
      sent,
      unanswered.map(({ question }) => question),
    );
  }

  /** For answers without a problem. */
  decide({ question = '', choice = '', by = 'somebody', reason = '' }: TextsOf<'decide'>): void {
    const open = this.#open.get(question);
    if (open !== undefined) open.answer = { choice: choice as Choice, by, reason };
  }

  #pause(isPaused: boolean, note: string): void {
    this.#isPaused = isPaused;
    this.#display.pause(isPaused);
    this.#display.note(note);
  }

  #handleAbort(): void {
    setHandler(
      abortUpdate,
      (actor) => {
        this.abort(textsIn('abort', actor));
        return 'the run stops, and what it did is being undone';
      },
      {
        description: 'Stops the run and undoes what it did.',
        validator: (actor) => {
          checkedTexts('abort', actor);
          refuse(this.abortProblem());
        },
      },
    );
  }

  #handlePause(): void {
    setHandler(
      pauseUpdate,
      (actor) => {
        this.pause(textsIn('pause', actor));
        return 'no further step begins; running ones end';
      },
      {
        description: 'Lets running steps end and begins no further one.',
        validator: (actor) => void checkedTexts('pause', actor),
      },
    );
    setHandler(
      resumeUpdate,
      (actor) => {
        this.resume(textsIn('resume', actor));
        return 'steps begin again';
      },
      { description: 'Goes on after a pause.', validator: (actor) => void checkedTexts('resume', actor) },
    );
  }

  #handleDecide(): void {
    setHandler(
      decideUpdate,
      (sent) => {
        const answer = textsIn('decide', sent);
        this.decide(answer);
        return `${answer.question ?? ''}: ${answer.choice ?? ''}`;
      },
      {
        description: 'Answers what the run asks: the query `progress` shows it.',
        validator: (sent) => refuse(this.answerProblem(checkedTexts('decide', sent))),
      },
    );
  }
}

/** An update is refused with the reason. */
function refuse(problem: string | undefined): void {
  if (problem !== undefined) throw new Error(problem);
}
