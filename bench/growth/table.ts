/** The result of one axis as text. Pure. */
import { textTable } from '../table.ts';
import type { Act, Axis } from './axes.ts';
import { growthOf, judge, type Growth, type Verdict } from './slope.ts';

/** What one act took at one size, in a fresh process. */
export interface Measured {
  readonly size: number;
  readonly seconds: number;
  /** Processor time of all threads. */
  readonly cpuSeconds: number;
  /** Requests to the storage that it looks at. */
  readonly requests: number;
  readonly peakBytes: number;
}

export interface Row {
  readonly act: Act;
  readonly measured: readonly Measured[];
  readonly seconds: Growth | undefined;
  readonly requests: Growth | undefined;
  readonly verdict: Verdict;
}

export function rowOf(act: Act, measured: readonly Measured[]): Row {
  const growth = (value: (each: Measured) => number): Growth | undefined =>
    growthOf(measured.map((each) => ({ size: each.size, cost: value(each) })));
  const seconds = growth((each) => each.seconds);
  const cpuSeconds = growth((each) => each.cpuSeconds);
  const requests = growth((each) => each.requests);
  const peakBytes = Math.max(0, ...measured.map((each) => each.peakBytes));
  return { act, measured, seconds, requests, verdict: judge({ seconds, cpuSeconds, requests, peakBytes }) };
}

/**
 * Fits 80 columns. `each`: what a further unit takes; `asked`: requests at the largest size; MB: the largest peak. Last what
 * grows too fast or is too much.
 */
export function axisTable(axis: Axis, rows: readonly Row[]): string {
  const sizes = [...new Set(rows.flatMap(({ measured }) => measured.map(({ size }) => size)))];
  const head = ['seconds', ...sizes.map(shortNumber), 'slope', 'each', 'asked', 'slope', 'MB', ''];
  return `${axis.name}: ${axis.title}\n${textTable([
    head,
    ...rows.map(({ act, measured, seconds, requests, verdict }) => [
      act,
      ...sizes.map((size) => secondsText(measured.find((each) => each.size === size)?.seconds)),
      slopeText(seconds),
      seconds === undefined ? '' : eachText(seconds.each),
      shortNumber(measured.at(-1)?.requests ?? 0),
      slopeText(requests),
      (Math.max(0, ...measured.map(({ peakBytes }) => peakBytes)) / 1e6).toFixed(0),
      verdict.isMet ? 'met' : verdict.reasons.join(' ').toUpperCase(),
    ]),
  ])}`;
}

/** `100k`, `16G`: columns are narrow. */
export function shortNumber(value: number): string {
  const units = ['', 'k', 'M', 'G', 'T'];
  let [rest, unit] = [value, 0];
  while (rest >= 10_000 || (rest >= 1000 && rest % 1000 === 0)) {
    rest /= 1000;
    unit += 1;
  }
  return `${Math.round(rest * 10) / 10}${units[unit]}`;
}

function secondsText(seconds: number | undefined): string {
  return seconds === undefined ? '' : seconds.toFixed(2);
}

function slopeText(growth: Growth | undefined): string {
  return growth === undefined ? '' : growth.slope.toFixed(2);
}

/** What each further unit takes. */
function eachText(seconds: number): string {
  if (seconds >= 1) return `${short(seconds)} s`;
  if (seconds >= 1e-3) return `${short(seconds * 1e3)} ms`;
  if (seconds >= 1e-6) return `${short(seconds * 1e6)} µs`;
  return `${short(seconds * 1e9)} ns`;
}

/** Two digits at least. */
function short(value: number): string {
  return value.toFixed(value >= 10 ? 0 : 1);
}
