/** The text of a redis.conf and the arguments of redis-server, as the server itself reads them. Pure. */
import { unwrapped } from './wrapped-command.ts';

/** Directives by lower-case name, the last one wins. Includes stand in between: what follows them wins over them. */
export type Line = { readonly name: string; readonly words: readonly string[] };

export function parseConfig(text: string): Line[] {
  return text.split('\n').flatMap((line) => {
    const trimmed = line.trim();
    if (trimmed === '' || trimmed.startsWith('#')) return [];
    const [name, ...words] = splitWords(trimmed) ?? [];
    return name === undefined ? [] : [{ name: name.toLowerCase(), words }];
  });
}

export interface StartArguments {
  /** As it is written; undefined where the server is started without one. */
  readonly configFile: string | undefined;
  readonly lines: readonly Line[];
}

const server = /^(?:\S*\/)?(?:redis|valkey|keydb)-server$/;
/**
 * As the server reads them since 7.0: a word that begins with `--` is a name, with its value in the same word or in the
 * next ones, but the word behind a name without a value is always its value. Undefined where they are not known from
 * the command: a shell, an init system, a container or any other program that is not known starts the server, settings come
 * from its standard input, or it is a Sentinel.
 */
export function parseArguments(command: readonly string[]): StartArguments | undefined {
  const [program = '', ...words] = unwrapped(command) ?? [];
  if (!server.test(program)) return undefined;
  const configFile = words[0] === undefined || words[0].startsWith('-') ? undefined : words.shift();
  const lines: { name: string; words: string[] }[] = [];
  let hasValue = true;
  for (const [index, word] of words.entries()) {
    if (word === '-' && (index === words.length - 1 || (index === 0 && configFile === undefined))) return undefined;
    if (!hasValue || !word.startsWith('--')) {
      lines.at(-1)?.words.push(word);
      hasValue = true;
      continue;
    }
    const [name = '', ...values] = splitWords(word.slice(2)) ?? [];
    lines.push({ name: name.toLowerCase(), words: values });
    const isSwitch = /^(?:save|sentinel)$/i.test(name) && words[index + 1]?.startsWith('--') === true;
    hasValue = values.length > 0 || isSwitch;
  }
  return lines.some(({ name }) => name === 'sentinel') ? undefined : { configFile, lines };
}

const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', a: '\x07' };

/** Words in double quotes have escapes, in single quotes only of the quote itself. Undefined for quotes without an end. */
export function splitWords(line: string): string[] | undefined {
  const words: string[] = [];
  const pattern = /\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^\s"']+))(?=\s|$)/gsy;
  while (pattern.lastIndex < line.trimEnd().length) {
    const match = pattern.exec(line);
    if (match === null) return undefined;
    const [, double, single, plain = ''] = match;
    words.push(double !== undefined ? unescaped(double) : single !== undefined ? single.replaceAll("\\'", "'") : plain);
  }
  return words;
}

/** An escape is one byte, of which a letter of UTF-8 may have several. */
function unescaped(text: string): string {
  const bytes = Buffer.from(text).toString('latin1');
  const plain = bytes.replaceAll(/\\(?:x([0-9a-fA-F]{2})|(.))/gs, (_, hex: string | undefined, letter: string) =>
    hex === undefined ? (escapes[letter] ?? letter) : String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(plain, 'latin1').toString();
}

/** One word as the server writes it into files of its own. */
export function quoteWord(word: string): string {
  if (/^[!#-&(-[\]-~]+$/.test(word)) return word;
  const bytes = [...Buffer.from(word)].map((byte) => {
    const letter = String.fromCharCode(byte);
    if (letter === '"' || letter === '\\') return `\\${letter}`;
    return byte < 0x20 || byte > 0x7e ? `\\x${byte.toString(16).padStart(2, '0')}` : letter;
  });
  return `"${bytes.join('')}"`;
}
