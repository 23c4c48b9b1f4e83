/**
 * JSON that any program can read. A text that was cut within a character ends in half of a surrogate pair, for which UTF-8
 * has no bytes: `JSON.stringify` writes it as `\ud83d`, and jq 1.6 refuses the whole of what it stands in. It becomes U+FFFD.
 */
export function toJson(value: unknown, indent?: number): string {
  const text = JSON.stringify(value, undefined, indent);
  // Only halves are written in this way, and what holds such an escape as its text.
  if (!text.includes(String.raw`\ud`)) return text;
  return text.replaceAll(/\\(?:ud[89a-f][0-9a-f]{2}|.)/g, (escape) => (escape.length > 2 ? '\ufffd' : escape));
}
