/** The text of a redis.conf and the arguments of redis-server, as the server itself reads them. Pure. */

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

/** Undefined where the command starts no redis-server by itself (a shell or an init system). */
export function parseArguments(command: readonly string[]): StartArguments | undefined {
  if (/(?:^|\/)(?:ba|da|a)?sh$/.test(command[0] ?? '')) return undefined;
  const at = command.findIndex((word) => /(?:^|\/)(?:redis|valkey|keydb)-server$/.test(word));
  if (at === -1) return undefined;
  const words = command.slice(at + 1);
  const configFile = words[0] === undefined || words[0].startsWith('-') ? undefined : words.shift();
  const lines: { name: string; words: string[] }[] = [];
  for (const word of words) {
    if (word.startsWith('--')) lines.push({ name: word.slice(2).toLowerCase(), words: [] });
    else lines.at(-1)?.words.push(word);
  }
  return { configFile, lines };
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
    words.push(
      double !== undefined
        ? double.replaceAll(/\\(?:x([0-9a-fA-F]{2})|(.))/gs, (_, hex: string | undefined, letter: string) =>
            hex === undefined ? (escapes[letter] ?? letter) : String.fromCharCode(Number.parseInt(hex, 16)),
          )
        : single !== undefined
          ? single.replaceAll("\\'", "'")
          : plain,
    );
  }
  return words;
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
