/**
 * What a run shows of itself: query, live details in the UI, search attributes. They change on transitions only;
 * progress in bytes is read from the heartbeats of pending activities.
 */
import { setCurrentDetails, setHandler, upsertSearchAttributes, workflowInfo } from '@temporalio/workflow';
import type { Question } from '../../src/domain/plan/question.ts';
import type { RunState } from '../../src/domain/run-state.ts';
import { formatDuration, stateWords } from '../../src/domain/replayed.ts';
import { attributes } from './attributes.ts';
import { progressQuery, type RunView, type StepEstimate, type StepReport, type StepState } from '../messages.ts';

export class RunDisplay {
  readonly #type = workflowInfo().workflowType;
  readonly #startedAt = workflowInfo().startTime;
  readonly #steps = new Map<string, { state: StepState; began: number; ended: number; note: string }>();
  readonly #notes: string[] = [];
  #questions: readonly Question[] = [];
  #plan: readonly StepEstimate[] = [];
  #searchable = false;
  #published = '';
  #appliance = '';
  #state: RunState = { status: 'starting' };
  #subject = '';
  #waitingOn = '';
  #paused = false;
  #breached = false;
  #deadline: Date | undefined;

  constructor() {
    setHandler(progressQuery, () => this.view(), { description: 'State, steps and notes of this run.' });
  }

  /** `searchable` is false where the attributes could not be registered: the run goes on without them. */
  describe(appliance: string, searchable: boolean): void {
    this.#appliance = appliance;
    this.#searchable = searchable;
    this.#publish();
  }

  state(state: RunState): void {
    this.#state = state;
    this.#publish();
  }

  subject(subject: string): void {
    this.#subject = subject;
    this.#publish();
  }

  waitOn(what: string): void {
    this.#waitingOn = what;
    this.#publish();
  }

  pause(paused: boolean): void {
    this.#paused = paused;
    this.#publish();
  }

  ask(questions: readonly Question[]): void {
    this.#questions = questions;
    this.#publish();
  }

  deadline(deadline: Date): void {
    this.#deadline = deadline;
    this.#publish();
  }

  breach(): void {
    this.#breached = true;
    this.#publish();
  }

  note(text: string): void {
    this.#notes.push(`${new Date().toISOString().slice(11, 19)} ${text}`);
    this.#publish();
  }

  declare(ids: readonly string[]): void {
    for (const id of ids) this.#steps.set(id, { state: 'waiting', began: 0, ended: 0, note: '' });
    this.#publish();
  }

  /** Declares the steps of a plan, with what it said of their order and length. */
  plan(steps: readonly StepEstimate[]): void {
    this.#plan = steps.map(({ id, after, estimateSeconds }) => ({ id, after, estimateSeconds }));
    this.declare(steps.map(({ id }) => id));
  }

  step(id: string, state: StepState, note = ''): void {
    const known = this.#steps.get(id);
    const now = Date.now();
    const began = state === 'running' ? now : (known?.began ?? now);
    // How long a step took is no matter of when it was taken back.
    const ended = state === 'undone' && (known?.ended ?? 0) > 0 ? (known?.ended ?? now) : now;
    this.#steps.set(id, {
      state,
      began,
      ended: state === 'running' ? 0 : ended,
      note: note === '' ? (known?.note ?? '') : note,
    });
    this.#publish();
  }

  get breached(): boolean {
    return this.#breached;
  }

  get notes(): readonly string[] {
    return this.#notes;
  }

  steps(): StepReport[] {
    return [...this.#steps].map(([id, { state, began, ended, note }]) => ({
      id,
      state,
      seconds: began === 0 ? 0 : Math.max(0, ((ended === 0 ? Date.now() : ended) - began) / 1000),
      ...(began === 0 ? {} : { startedAt: new Date(began).toISOString() }),
      ...(note === '' ? {} : { note }),
    }));
  }

  view(): RunView {
    return {
      type: this.#type,
      state: this.#state,
      subject: this.#subject,
      startedAt: this.#startedAt.toISOString(),
      steps: this.steps(),
      paused: this.#paused,
      questions: this.#questions,
      breached: this.#breached,
      waitingOn: this.#waitsFor(),
      notes: this.#notes,
      deadline: this.#deadline?.toISOString() ?? '',
      plan: this.#plan,
    };
  }

  /** A pause first: nothing else moves before it ends. */
  #waitsFor(): string {
    if (this.#paused) return 'resume';
    if (this.#questions.length > 0) return `decision: ${this.#questions.map(({ id }) => id).join(', ')}`;
    return this.#waitingOn;
  }

  #publish(): void {
    setCurrentDetails(this.#markdown());
    if (!this.#searchable) return;
    // Every upsert is an event in the history: only a change is worth one.
    const published = [
      this.#state.status,
      this.#waitsFor(),
      this.#subject,
      this.#breached,
      this.#deadline?.toISOString(),
    ].join('|');
    if (published === this.#published) return;
    this.#published = published;
    upsertSearchAttributes([
      { key: attributes.appliance, value: this.#appliance },
      { key: attributes.kind, value: this.#type },
      { key: attributes.state, value: this.#state.status },
      { key: attributes.waitingOn, value: this.#waitsFor() === '' ? null : this.#waitsFor() },
      { key: attributes.backup, value: this.#subject === '' ? null : this.#subject },
      { key: attributes.breached, value: this.#breached },
      { key: attributes.deadline, value: this.#deadline ?? null },
    ]);
  }

  #markdown(): string {
    const mark: Record<StepState, string> = {
      waiting: '○',
      running: '▶',
      done: '✔',
      failed: '✘',
      undone: '↩',
      skipped: '–',
      cancelled: '–',
    };
    const head = [
      `**${this.#type}** of **${this.#appliance}**: **${stateWords(this.#state)}**${this.#paused ? ' (paused)' : ''}`,
      this.#subject === '' ? '' : `recovery point \`${this.#subject}\``,
      this.#waitsFor() === '' ? '' : `waits for: ${this.#waitsFor()}`,
      ...this.#questions.map(questionText),
      this.#deadline === undefined
        ? ''
        : `objective ends ${this.#deadline.toISOString()}${this.#breached ? ' **BREACHED**' : ''}`,
    ].filter((line) => line !== '');
    const rows = this.steps().map(
      ({ id, state, seconds, note }) =>
        `| ${mark[state]} ${id} | ${state} | ${seconds === 0 ? '' : formatDuration(seconds)} | ${note ?? ''} |`,
    );
    const table = rows.length === 0 ? [] : ['| step | state | time | |', '|---|---|---|---|', ...rows];
    return [head.join('  \n'), '', ...table, '', ...this.#notes.slice(-20).map((note) => `- ${note}`)]
      .join('\n')
      .slice(0, 20_000);
  }
}

/** With all that an answer must name: it can be copied into the update `decide`. */
function questionText({ id, attempt, planHash, text, choices, deadline, byDefault }: Question): string {
  const answer = JSON.stringify({
    question: id,
    attempt: String(attempt),
    planHash,
    choice: choices.join('|'),
    by: '',
    reason: '',
  });
  return `**${text}** update \`decide\` with \`${answer}\`; \`${byDefault}\` after ${deadline}`;
}
