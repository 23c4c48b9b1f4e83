/** The small compression that Redis uses for strings in a dump: literal runs and back references. */

/** Throws RangeError where the input does not give exactly `size` bytes. */
export function expandLzf(input: Uint8Array, size: number): Buffer {
  const output = Buffer.allocUnsafe(size);
  let from = 0;
  let to = 0;
  while (from < input.length) {
    const control = input[from++]!;
    if (control < 32) {
      const count = control + 1;
      if (from + count > input.length || to + count > size) throw new RangeError('a literal run is too long');
      output.set(input.subarray(from, from + count), to);
      from += count;
      to += count;
      continue;
    }
    let count = control >> 5;
    if (count === 7) count += input[from++] ?? 0;
    count += 2;
    const distance = (((control & 31) << 8) | (input[from++] ?? 0)) + 1;
    if (distance > to || to + count > size) throw new RangeError('a back reference leaves the output');
    // Byte by byte: the source may overlap what is written.
    for (const end = to + count; to < end; to++) output[to] = output[to - distance]!;
  }
  if (to !== size) throw new RangeError(`${to} bytes instead of ${size}`);
  return output;
}
