/**
 * The repository key as people copy it: four lines of 16 hex digits (8 of the 32 bytes) and 4 check digits, so that a
 * typing error is found and its line named. Hex has no letters that look alike; O is read as 0, l and I as 1.
 */
import { createHash, randomBytes } from 'node:crypto';
import { LifeboatError } from '../domain/errors.ts';

const lines = 4;
const bytesPerLine = 8;

/** A new key in its written form. */
export function generateKey(): string {
  return formatRecoveryKey(randomBytes(32));
}

/** `xxxx-xxxx-xxxx-xxxx-cccc`, four lines. */
export function formatRecoveryKey(key: Uint8Array): string {
  const parts = Array.from({ length: lines }, (_, line) => {
    const bytes = key.subarray(line * bytesPerLine, (line + 1) * bytesPerLine);
    return `${Buffer.from(bytes).toString('hex')}${checkDigits(bytes, line)}`.replace(/(.{4})(?!$)/g, '$1-');
  });
  return `${parts.join('\n')}\n`;
}

/** The 32 bytes. Takes the written form in any spacing, or 64 bare hex digits. Throws KeyWrong, which names the line and never the key. */
export function parseRecoveryKey(text: string): Buffer {
  const digits = text
    .replace(/[\s\-:]/g, '')
    .replace(/[oO]/g, '0')
    .replace(/[lI]/g, '1')
    .toLowerCase();
  if (!/^[0-9a-f]*$/.test(digits))
    throw wrong('holds characters that no key has: it is written with the digits 0-9 and a-f');
  if (digits.length === 64) return Buffer.from(digits, 'hex');
  const lineDigits = bytesPerLine * 2 + 4;
  if (digits.length !== lines * lineDigits)
    throw wrong(`has ${digits.length} digits, ${lines * lineDigits} belong there`);
  const parts = Array.from({ length: lines }, (_, line) => {
    const part = digits.slice(line * lineDigits, (line + 1) * lineDigits);
    const bytes = Buffer.from(part.slice(0, bytesPerLine * 2), 'hex');
    if (checkDigits(bytes, line) !== part.slice(bytesPerLine * 2))
      throw wrong(`has a typing error in line ${line + 1}`);
    return bytes;
  });
  return Buffer.concat(parts);
}

function checkDigits(bytes: Uint8Array, line: number): string {
  return createHash('sha256').update(`lifeboat-key-line-${line}\n`).update(bytes).digest('hex').slice(0, 4);
}

function wrong(reason: string): LifeboatError {
  return new LifeboatError('KeyWrong', `the key ${reason}`);
}
