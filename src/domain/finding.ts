/** What `doctor` says of one thing. */

export interface Finding {
  readonly name: string;
  readonly level: 'ok' | 'warn' | 'fail';
  readonly text: string;
  /** What to do about it: the exact command or line where there is one. */
  readonly hint?: string;
}
