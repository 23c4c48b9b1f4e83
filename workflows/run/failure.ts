/** What a run failed of: built once from the error at the bottom of its chain of causes, and never parsed again. */
import { ApplicationFailure } from '@temporalio/workflow';

export interface RunFailure {
  /** Empty where no component failed. */
  readonly component: string;
  /** A code of the error catalogue. */
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

export function failureOf(error: unknown): RunFailure {
  const root = rootOf(error);
  const code = root instanceof ApplicationFailure ? (root.type ?? 'Internal') : (nameOf(root) ?? 'Internal');
  const message = root instanceof Error ? root.message : String(root);
  const [told] = root instanceof ApplicationFailure ? (root.details ?? []) : [];
  return { code, message, component: textIn(told, 'component'), hint: textIn(told, 'hint') };
}

/** `NoSpace: vectors: 2 GB are needed`. */
export function failureText(error: unknown): string {
  const { code, message } = failureOf(error);
  return `${code}: ${message}`;
}

/** The message alone, for what stands behind a step's name. */
export function rootMessage(error: unknown): string {
  return failureOf(error).message;
}

/** A code of the error catalogue. */
export function rootCode(error: unknown): string {
  return failureOf(error).code;
}

function rootOf(error: unknown): unknown {
  let current = error;
  while (current instanceof Error && current.cause instanceof Error) current = current.cause;
  return current;
}

function nameOf(error: unknown): string | undefined {
  return error instanceof Error ? error.name : undefined;
}

function textIn(details: unknown, key: string): string {
  const value: unknown = typeof details === 'object' && details !== null ? Reflect.get(details, key) : undefined;
  return typeof value === 'string' ? value : '';
}
