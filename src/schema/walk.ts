/** Reads keys, types, defaults and descriptions off a zod schema. */
import { z } from 'zod';

export interface Field {
  readonly key: string;
  readonly schema: z.core.$ZodType;
  /** The default as text, `none` where the key may be absent, undefined where it must be given. */
  readonly fallback: string | undefined;
}

export function fieldsOf(schema: z.core.$ZodType): Field[] {
  const bare = inner(schema);
  if (!isObject(bare)) throw new TypeError('only an object has keys');
  return Object.entries(bare.shape).map(([key, own]) => ({ key, schema: own, fallback: fallbackOf(own) }));
}

/** The description of a key, or of the object behind it. A key without one is an error: the reference would lie by omission. */
export function descriptionOf(schema: z.core.$ZodType, path = 'a section'): string {
  const text = descriptions(schema)[0];
  if (text === undefined) throw new TypeError(`${path} has no description in its schema`);
  return text;
}

/** What a schema is without its default and its permission to be absent. */
export function inner(schema: z.core.$ZodType): z.core.$ZodType {
  return schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault || schema instanceof z.ZodOptional
    ? inner(schema.def.innerType)
    : schema;
}

export function isObject(schema: z.core.$ZodType): schema is z.ZodObject {
  return schema instanceof z.ZodObject;
}

export function isRecord(schema: z.core.$ZodType): schema is z.ZodRecord {
  return schema instanceof z.ZodRecord;
}

/**
 * A type has a name of its own where the schema was described before the key described it (`name`, `duration`, …),
 * else its word follows from the schema.
 */
export function typeText(schema: z.core.$ZodType): string {
  const bare = inner(schema);
  // A key that neither has a default nor may be absent describes the leaf itself: that text is not the type's name.
  const described = descriptions(bare === schema ? schema._zod.parent : bare);
  return described.at(-1) ?? wordFor(bare);
}

/** The type's name of what a list holds. */
export function elementText(schema: z.core.$ZodType): string {
  const bare = inner(schema);
  if (!(bare instanceof z.ZodArray)) throw new TypeError('only a list has elements');
  return nameOrWord(bare.def.element);
}

function wordFor(schema: z.core.$ZodType): string {
  if (schema instanceof z.ZodUnion) return schema.def.options.map(optionText).join(' or ');
  if (isObject(schema)) return optionText(schema);
  if (schema instanceof z.ZodArray) return `list of ${nameOrWord(schema.def.element)}s`;
  if (schema instanceof z.ZodRecord) return `map of ${nameOrWord(schema.def.valueType)}s`;
  if (schema instanceof z.ZodEnum) return schema.options.map((value) => `\`${String(value)}\``).join(', ');
  if (schema instanceof z.ZodBoolean) return '`true` or `false`';
  if (schema instanceof z.ZodNumber) return 'number';
  if (schema instanceof z.ZodString) return 'text';
  throw new TypeError(`no word for the type ${schema._zod.def.type}`);
}

function nameOrWord(schema: z.core.$ZodType): string {
  return descriptions(schema).at(-1) ?? wordFor(inner(schema));
}

/** One way to write a union: a word, or an object with its keys. */
function optionText(option: z.core.$ZodType): string {
  if (option instanceof z.ZodLiteral) return [...option.values].map((value) => `\`${String(value)}\``).join(', ');
  if (!isObject(option)) return nameOrWord(option);
  const keys = Object.entries(option.shape).map(([key, own]) => {
    const fallback = fallbackOf(own);
    const type = nameOrWord(inner(own)).replaceAll('`', '');
    return `${key}: ${type}${fallback === undefined || fallback === 'none' ? '' : ` (${fallback.replaceAll('`', '')})`}`;
  });
  return `\`{${keys.join(', ')}}\``;
}

/** The schema's own description first, then those of what it was derived from. */
function descriptions(schema: z.core.$ZodType | undefined): string[] {
  const found: string[] = [];
  for (let each = schema; each !== undefined; each = each._zod.parent) {
    const text = z.globalRegistry._map.get(each)?.description;
    if (text !== undefined) found.push(text);
  }
  return found;
}

function fallbackOf(schema: z.core.$ZodType): string | undefined {
  if (schema instanceof z.ZodOptional) return 'none';
  if (!(schema instanceof z.ZodDefault)) return schema instanceof z.ZodPrefault ? 'none' : undefined;
  const value: unknown = schema.def.defaultValue;
  if (typeof value === 'number') return `\`${numberText(value, typeText(schema))}\``;
  return `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;
}

function numberText(value: number, type: string): string {
  if (type === 'duration') return durationText(value);
  return type === 'size' ? sizeText(value) : String(value);
}

/** As one would write it: the largest unit that divides it, hours up to two days. */
function durationText(seconds: number): string {
  if (seconds % 3600 === 0 && seconds > 0)
    return seconds > 48 * 3600 && seconds % 86_400 === 0 ? `${seconds / 86_400}d` : `${seconds / 3600}h`;
  return seconds % 60 === 0 ? `${seconds / 60}m` : `${seconds}s`;
}

function sizeText(bytes: number): string {
  const units = { GiB: 2 ** 30, MiB: 2 ** 20, GB: 1e9, MB: 1e6 };
  for (const [unit, factor] of Object.entries(units)) if (bytes % factor === 0) return `${bytes / factor}${unit}`;
  return `${bytes}B`;
}
