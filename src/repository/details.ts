/**
 * What a document tells of files and their contents, as one sealed frame in its member `sealed`: names of files stand in
 * clear nowhere in an encrypted repository. The other members stay readable without a key. An open repository seals
 * nothing, its indexes neither.
 */
import { LifeboatError } from '../domain/errors.ts';
import type { ErrorCode } from '../domain/errors.ts';
import type { JsonValue } from '../domain/recovery-point.ts';
import { parseJson } from '../json/parse-json.ts';
import { toJson } from '../json/to-json.ts';
import { Opener, Sealer, frameKinds } from './frame.ts';
import type { Secrets } from './secrets.ts';

export type Members = Readonly<Record<string, JsonValue>>;

/** `clear` is what may be read without a key; every member that it lacks or shortens is sealed whole. */
export function sealDetails(members: Members, clear: Members, secrets: Secrets | undefined): Members {
  if (secrets === undefined) return members;
  const hidden = Object.entries(members).filter(
    ([name, value]) => JSON.stringify(value) !== JSON.stringify(clear[name]),
  );
  if (hidden.length === 0) return members;
  const frame = new Sealer(secrets).frame(frameKinds.details, Buffer.from(toJson(Object.fromEntries(hidden))));
  return { ...clear, sealed: frame.toString('base64') };
}

/** The members as they were before they were sealed; older documents have nothing sealed. Throws `code`, naming the document. */
export function openDetails(
  key: string,
  members: Members,
  secrets: Secrets | undefined,
  code: ErrorCode = 'ObjectCorrupt',
): Members {
  const { sealed, ...clear } = members;
  if (typeof sealed !== 'string') return members;
  try {
    const plain = new Opener(secrets).open(Buffer.from(sealed, 'base64'), frameKinds.details);
    return { ...clear, ...(parseJson(plain.toString('utf8')) as Members) };
  } catch (error) {
    throw new LifeboatError(code, `${key} has a sealed part that cannot be opened`, { cause: error });
  }
}

/** The named members, where they are there. */
export function only(members: Members, names: readonly string[]): Members {
  return Object.fromEntries(Object.entries(members).filter(([name]) => names.includes(name)));
}
