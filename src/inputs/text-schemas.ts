/** Schemas of what workflows check themselves, made from the same list of fields. */
import { z } from 'zod';
import { textInputs, type TextInputName } from '../domain/text-inputs.ts';

type Shape<N extends TextInputName> = {
  [K in keyof (typeof textInputs)[N]['fields']]: z.ZodOptional<z.ZodString>;
};

export function textSchema<N extends TextInputName>(name: N): z.ZodObject<Shape<N>, z.core.$strict> {
  const fields = Object.entries<string>(textInputs[name].fields);
  const shape = Object.fromEntries(fields.map(([key, about]) => [key, z.string().optional().describe(about)]));
  return z.strictObject(shape as Shape<N>);
}
