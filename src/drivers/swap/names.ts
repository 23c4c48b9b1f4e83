/**
 * Every name that a restore leaves beside live data. Only names made here are ever removed, and captures leave them
 * out (`isLifeboatName`).
 */
import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { LifeboatError } from '../../domain/errors.ts';
import type { FencingToken } from '../../domain/fencing-token.ts';

export function journalName(component: string): string {
  return `.lifeboat-${checked(component)}.journal.json`;
}

export function leaseName(component: string): string {
  return `.lifeboat-${checked(component)}.lease.json`;
}

/** Several files of one folder may be staged beside each other, so the live path is part of the name. */
export function stagingName(component: string, token: FencingToken, live: string): string {
  return `.lifeboat-${checked(component)}-staging-${runLabel(token)}-${token.attempt}-${short(live)}`;
}

/** Says that the staging of this attempt is complete. */
export function receiptName(component: string, token: FencingToken): string {
  return `${receiptPrefix(component, token)}${token.attempt}.json`;
}

/** What the receipts of all attempts of the token's run begin with. */
export function receiptPrefix(component: string, token: FencingToken): string {
  return `.lifeboat-${checked(component)}-staged-${runLabel(token)}-`;
}

/** Whether it is the name of a receipt of the component, of any run. */
export function isReceiptName(name: string, component: string): boolean {
  return name.startsWith(`.lifeboat-${component}-staged-`) && name.endsWith('.json');
}

/** Damaged live data on its way out. */
export function damagedName(component: string, token: FencingToken, live: string): string {
  return `.lifeboat-${checked(component)}-damaged-${runLabel(token)}-${short(live)}`;
}

/** Old data of the run. It keeps the live name in front, so that a person who looks for space understands it. */
export function asideName(component: string, token: FencingToken, live: string): string {
  const name = `${basename(live)}.lifeboat-aside-${runLabel(token)}`;
  return Buffer.byteLength(name) <= 255 ? name : `${insideAsideName(component, token)}-${short(live)}`;
}

/** Old data inside a mount root: hidden, for the engine looks into this folder. */
export function insideAsideName(component: string, token: FencingToken): string {
  return `.lifeboat-${checked(component)}-aside-${runLabel(token)}`;
}

/** Where a repointed link leads: restored data that is no staging any more. */
export function generationName(target: string, token: FencingToken): string {
  return `${basename(target).replace(/\.lifeboat-generation-[0-9a-f]{10}$/, '')}.lifeboat-generation-${runLabel(token)}`;
}

/** Whether it is the name of a staging of the component, or of damaged data on its way out. */
export function isStagingName(name: string, component: string): boolean {
  return name.startsWith(`.lifeboat-${component}-staging-`) || name.startsWith(`.lifeboat-${component}-damaged-`);
}

/** Whether `removeTree` may take it: staging, damaged and old data, by names that only this file makes. */
export function isRemovableName(name: string): boolean {
  return /^\.lifeboat-[A-Za-z0-9_-]+-(?:staging|damaged|aside)-[0-9a-f]{10}(?:-|$)|\.lifeboat-aside-[0-9a-f]{10}$/.test(
    name,
  );
}

/** Anything of ours beside or inside live data: no capture takes it, no exchange moves it. */
export function isLifeboatName(name: string): boolean {
  return name.startsWith('.lifeboat-') || isRemovableName(name);
}

function runLabel(token: FencingToken): string {
  return createHash('sha256')
    .update(`${Date.parse(token.lockStart)}\n${token.runId}`)
    .digest('hex')
    .slice(0, 10);
}

function short(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8);
}

function checked(component: string): string {
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(component)) {
    throw new LifeboatError('InputInvalid', `component id \`${component}\` cannot be part of a file name`, {
      component,
    });
  }
  return component;
}
